/**
 * What one app thread does of a run: connects, warms up, and then loads while others count the CPU
 * that it takes.
 */
import type { Counters } from "../native/counters.ts";
import { DatagramLane } from "./datagram_lane.ts";
import { Driver } from "./driver.ts";
import { EchoLane } from "./echo_lane.ts";
import { HandshakeLane } from "./handshake_lane.ts";
import { HttpLane } from "./http_lane.ts";
import { HttpTarget } from "./http_target.ts";
import type { Lane } from "./lane.ts";
import { LoadEngine } from "./load_engine.ts";
import type { LoadPlan } from "./plan.ts";
import { Tally, type TallySnapshot } from "./tally.ts";

/** Handshakes that are under way at the same time when a run begins. */
const OPENING_AT_ONCE = 64;
/** For what the connections still have to say. */
const CLOSE_MS = 500;
/** Of datagrams: one that took longer is lost. */
const LOST_MS = 1000;

export interface ShareResult {
  tally: TallySnapshot;
  elapsedMs: number;
  /** Of the engine, over the counted time. */
  counters: Counters;
}

export class Share {
  readonly #plan: LoadPlan;
  readonly #engine: LoadEngine;
  readonly #lanes: readonly Lane[];
  readonly #driver: Driver;
  readonly #target: HttpTarget;
  readonly tally: Tally;

  private constructor(plan: LoadPlan, engine: LoadEngine, target: HttpTarget) {
    this.#plan = plan;
    this.#engine = engine;
    this.#target = target;
    this.tally = new Tally();
    const slots: Lane["slots"][number][] = [];
    this.#driver = new Driver(slots, this.tally);
    this.#lanes = lanesOf(plan, engine, this.#driver, target);
    // Slot by slot over the lanes, so that all connections begin.
    const most = Math.max(...this.#lanes.map((lane) => lane.slots.length));
    for (let i = 0; i < most; i++) {
      for (const lane of this.#lanes) if (lane.slots[i] !== undefined) slots.push(lane.slots[i]!);
    }
  }

  /** Connected, warm, and with nothing under way. @throws ConnectError, Error */
  static async start(plan: LoadPlan): Promise<Share> {
    const target = new HttpTarget(plan);
    const echo = plan.mode === "echo" || plan.mode === "datagrams";
    const engine = await LoadEngine.start(plan, echo ? "echo" : "h3");
    const share = new Share(plan, engine, target);
    try {
      await share.#open();
      await share.#learn();
      await share.#warmUp();
      return share;
    } catch (error) {
      await share.close();
      throw error;
    }
  }

  /** The counted part. Resolves when the last operation is over, or given up. */
  async run(): Promise<ShareResult> {
    this.tally.reset();
    const before = this.#engine.counters;
    const elapsedMs = await this.#driver.run(this.#plan);
    const counters = difference(before, this.#engine.counters);
    return { tally: this.tally.snapshot(), elapsedMs, counters };
  }

  /** Ends {@link run} now. */
  stop(): void {
    this.#driver.stop();
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.close();
    await this.#engine.stop(CLOSE_MS);
  }

  async #open(): Promise<void> {
    for (let i = 0; i < this.#lanes.length; i += OPENING_AT_ONCE) {
      const some = this.#lanes.slice(i, i + OPENING_AT_ONCE);
      await Promise.all(some.map((lane) => lane.open()));
    }
  }

  /** The body that all others must be the same as. */
  async #learn(): Promise<void> {
    if (!this.#target.learning) return;
    const { timeoutMs } = this.#plan;
    await this.#driver.run({ rate: null, seconds: 0, operations: 1, timeoutMs });
    const [first] = this.tally.errors.keys();
    if (first !== undefined) throw new Error(`the first response cannot be used: ${first}`);
  }

  async #warmUp(): Promise<void> {
    const { warmUpSeconds, rate, timeoutMs } = this.#plan;
    if (warmUpSeconds === 0) return;
    await this.#driver.run({ rate, seconds: warmUpSeconds, operations: null, timeoutMs });
  }
}

function lanesOf(plan: LoadPlan, engine: LoadEngine, driver: Driver, target: HttpTarget): Lane[] {
  const { mode, connections, streams, payloadBytes: bytes, timeoutMs, handshake } = plan;
  if (mode === "handshakes") {
    return [new HandshakeLane(engine, driver, connections, { handshake, target, timeoutMs })];
  }
  const lostMs = Math.min(LOST_MS, timeoutMs);
  return Array.from({ length: connections }, () => {
    if (mode === "echo") return new EchoLane(engine, driver, streams, bytes);
    if (mode === "datagrams") return new DatagramLane(engine, driver, { streams, bytes, lostMs });
    return new HttpLane(engine, driver, target, streams);
  });
}

function difference(before: Counters, after: Counters): Counters {
  const entries = Object.entries(after) as [keyof Counters, number][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value - before[name]]),
  ) as Counters;
}
