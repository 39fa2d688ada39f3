/** What the terminal shows meanwhile: a line for each finished run, and below it what runs now. */
import type { Style } from "../../src/cli/style.ts";
import type { RunRecord } from "./run_record.ts";

const REDRAW_MS = 1000;
const TITLE = { succeeded: "ok", failed: "FAILED", unsupported: "unsupported" } as const;

export interface ProgressOptions {
  total: number;
  style: Style;
  write(text: string): void;
  /** Null when it is no terminal: then there is no line about what runs now. */
  columns: number | null;
}

interface Running {
  name: string;
  sinceMs: number;
}

export class Progress {
  readonly #running = new Map<number, Running>();
  readonly #counts = { succeeded: 0, failed: 0, unsupported: 0 };
  readonly #timer: ReturnType<typeof setInterval> | null;
  #done = 0;

  constructor(readonly options: ProgressOptions) {
    this.#timer = options.columns === null ? null : setInterval(() => this.#draw(), REDRAW_MS);
  }

  begin(lane: number, name: string): void {
    this.#running.set(lane, { name, sinceMs: performance.now() });
    this.#draw();
  }

  /** `where`: the kept folder of a failure. */
  end(lane: number, record: RunRecord, where: string | null): void {
    this.#running.delete(lane);
    this.#count(record);
    const { style, write } = this.options;
    this.#erase();
    const paint = { succeeded: style.green, failed: style.red, unsupported: style.dim };
    const title = paint[record.outcome](TITLE[record.outcome].padEnd(11));
    const rate = record.kbitPerSecond === null ? "" : `  ${record.kbitPerSecond.toFixed(0)} kbps`;
    const took = `${record.seconds.toFixed(1)} s`.padStart(7);
    const count = `${this.#done}/${this.options.total}`.padStart(9);
    write(`${count}  ${title} ${runName(record).padEnd(48)} ${took}${rate}\n`);
    if (record.outcome === "failed") {
      for (const reason of record.reasons) write(`             ${reason}\n`);
      if (where !== null) write(style.dim(`             ${where}\n`));
    }
    this.#draw();
  }

  /** The run of this lane has no result. */
  drop(lane: number): void {
    this.#running.delete(lane);
    this.#draw();
  }

  /** A run that an earlier, interrupted call has done. */
  skip(record: RunRecord): void {
    this.#count(record);
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#erase();
  }

  #count(record: RunRecord): void {
    this.#done += 1;
    this.#counts[record.outcome] += 1;
  }

  #erase(): void {
    if (this.options.columns !== null) this.options.write("\r\x1b[K");
  }

  #draw(): void {
    const { columns, total, write } = this.options;
    if (columns === null) return;
    const { succeeded, failed, unsupported } = this.#counts;
    const now = [...this.#running.values()].map(({ name, sinceMs }) => {
      const seconds = (performance.now() - sinceMs) / 1000;
      return `${name} ${seconds.toFixed(0)} s`;
    });
    const counts = `${succeeded} ok, ${failed} failed, ${unsupported} unsupported`;
    const line = [`${this.#done}/${total}`, counts, ...now].join(" | ");
    write(`\r\x1b[K${line.slice(0, columns - 1)}`);
  }
}

/** "quic_go <- quicd transfer #3": the server first, then the client, the case and the seed. */
export function runName(record: Pick<RunRecord, "server" | "client" | "case" | "seed">): string {
  return `${record.server} <- ${record.client} ${record.case} #${record.seed}`;
}
