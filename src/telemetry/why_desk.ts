/** Answers `why` for the connections of one engine. */
import type { LiveConnection, WhyNumbers } from "../transport/engine.ts";
import { type WhyReport, whyReport } from "./why_report.ts";

/** What {@link WhyDesk} needs of src/transport/engine.ts. */
export interface WhyEngine {
  live(prefix: string): LiveConnection[];
  why(
    worker: number,
    first: number,
    generation: number,
    most: number,
  ): Promise<{ whys: WhyNumbers[]; next: number | null }>;
}

/** More in a list would be a load of their own. */
const LISTED_MAX = 256;
/** Connections of one request: so long a worker's turn is lengthened, some ten microseconds. */
const AT_ONCE = 16;

const ID = /^[0-9a-f]{0,32}$/;

export class AmbiguousIdError extends RangeError {
  override name = "AmbiguousIdError";
  constructor(
    prefix: string,
    readonly ids: readonly string[],
  ) {
    super(`${ids.length} connections begin with ${prefix}: ${ids.slice(0, 3).join(", ")}`);
  }
}

export interface WhyList {
  reports: WhyReport[];
  /** Connections that are not in the list. */
  more: number;
}

export class WhyDesk {
  readonly #engine: WhyEngine;
  readonly #alpns: readonly string[];

  constructor(engine: WhyEngine, alpns: readonly string[]) {
    this.#engine = engine;
    this.#alpns = alpns;
  }

  /**
   * Of the one connection whose ID begins with `id`, lower-case hex; null: there is none.
   *
   * @throws AmbiguousIdError, TypeError for what is no prefix of an ID
   */
  async why(id: string): Promise<WhyReport | null> {
    if (!ID.test(id)) {
      throw new TypeError(`"${id}" is no connection ID: up to 32 hex digits in lower case`);
    }
    const found = this.#engine.live(id);
    if (found.length > 1) {
      throw new AmbiguousIdError(
        id,
        found.map((live) => live.id),
      );
    }
    const [live] = found;
    if (live === undefined) return null;
    const { whys } = await this.#engine.why(live.worker, live.slot, live.generation, 1);
    return whys[0] === undefined ? null : whyReport(whys[0], live, this.#alpns);
  }

  /** Of all of them, or the first 256. */
  async list(): Promise<WhyList> {
    const all = this.#engine.live("");
    const found = new Map(all.slice(0, LISTED_MAX).map((live) => [live.id, live]));
    const reports: WhyReport[] = [];
    for (const worker of new Set([...found.values()].map((live) => live.worker))) {
      let first: number | null = 0;
      while (first !== null && reports.length < found.size) {
        const { whys, next }: { whys: WhyNumbers[]; next: number | null } = await this.#engine.why(
          worker,
          first,
          0,
          AT_ONCE,
        );
        for (const numbers of whys) {
          const live = found.get(numbers.id);
          if (live !== undefined) reports.push(whyReport(numbers, live, this.#alpns));
        }
        first = next;
      }
    }
    return { reports, more: all.length - found.size };
  }
}
