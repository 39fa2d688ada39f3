/**
 * Says when operations begin. Closed loop: a slot's next one when its last is over. Open loop: at
 * the times that the rate gives, whether earlier ones are over or not; those that find no free slot
 * wait, and count from the time at which they should have begun, so that a server that stands still
 * is not asked less often just then and its standstill is in the latencies (coordinated omission).
 */
import type { Tally } from "./tally.ts";

/** One place for an operation; it does one at a time. */
export interface Slot {
  /** False: it is busy, or its connection is not there; it offers itself again when it can. */
  readonly ready: boolean;
  /** The driver's own note: it waits to be given an operation. */
  waiting: boolean;
  /** Begins an operation that should have begun at `intendedMs` of `performance.now()`. */
  begin(intendedMs: number): void;
  /** Gives up what is under way, and says nothing of it. */
  abandon(): void;
}

export interface Stretch {
  /** Operations a second, or null: closed loop. */
  rate: number | null;
  seconds: number;
  /** Instead of seconds; null: as many as fit. */
  operations: number | null;
  /** For what is under way at the end. */
  timeoutMs: number;
}

/** Of the open loop: what comes due in this time begins together. */
const TICK_MS = 1;
/** Of the closed one: for slots whose operation could not even begin. */
const CLOSED_TICK_MS = 10;
const WATCH_MS = 50;

export class Driver {
  readonly tally: Tally;
  readonly #slots: readonly Slot[];
  /** First in, first out, so that connections take turns. */
  #idle: Slot[] = [];
  /** Those before it were taken out. */
  #first = 0;
  #rate: number | null = null;
  #startMs = 0;
  #total = 0;
  #begun = 0;
  #underWay = 0;
  #issuing = false;
  #timers: Timer[] = [];
  #done: (() => void) | null = null;
  /** Bytes came or went since the last look: whoever moves them says so. */
  moved = false;
  #movedMs = 0;

  constructor(slots: readonly Slot[], tally: Tally) {
    this.#slots = slots;
    this.tally = tally;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves with the milliseconds it took until the last operation was over. */
  async run(stretch: Stretch): Promise<number> {
    const { rate, seconds, operations, timeoutMs } = stretch;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#done = resolve;
    this.#rate = rate;
    this.#begun = 0;
    this.#startMs = performance.now();
    this.#movedMs = this.#startMs;
    const fitting = rate === null ? Number.POSITIVE_INFINITY : Math.round(rate * seconds);
    this.#total = operations ?? fitting;
    let lastMs = rate === null ? seconds * 1000 : (this.#total / rate) * 1000;
    if (rate === null && operations !== null) lastMs = 0;
    this.#every(rate === null ? CLOSED_TICK_MS : TICK_MS, () => this.#issue());
    this.#every(WATCH_MS, () => this.#watch(lastMs, timeoutMs));
    if (rate === null && operations === null) this.#after(lastMs, () => this.#beginNoMore());
    for (const slot of this.#slots) this.#queue(slot);
    this.#issue();
    this.#endIfDone();
    await promise;
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    return performance.now() - this.#startMs;
  }

  /** Ends the stretch now; what is under way is not counted. */
  stop(): void {
    this.#total = this.#begun;
    this.#abandonAll();
    this.#end();
  }

  /** An operation went well. Offer the slot after it. */
  succeeded(intendedMs: number, sentBytes: number, receivedBytes: number): void {
    this.#underWay--;
    this.moved = true;
    this.tally.succeeded(performance.now() - intendedMs, sentBytes, receivedBytes);
    this.#endIfDone();
  }

  failed(kind: string): void {
    this.#underWay--;
    this.tally.failed(kind);
    this.#endIfDone();
  }

  /** A datagram did not come back. */
  lost(): void {
    this.#underWay--;
    this.tally.lost++;
    this.#endIfDone();
  }

  /** The slot is free. */
  offer(slot: Slot): void {
    this.#queue(slot);
    if (!this.#issuing) this.#issue();
  }

  #take(): Slot {
    const slot = this.#idle[this.#first++]!;
    slot.waiting = false;
    if (this.#first * 2 >= this.#idle.length) {
      this.#idle = this.#idle.slice(this.#first);
      this.#first = 0;
    }
    return slot;
  }

  #queue(slot: Slot): void {
    if (slot.waiting) return;
    slot.waiting = true;
    this.#idle.push(slot);
  }

  /** Begins what is due, as far as there are free slots. */
  #issue(): void {
    if (this.#done === null) return;
    const nowMs = performance.now();
    this.#issuing = true;
    const rate = this.#rate;
    const due =
      rate === null
        ? this.#total
        : Math.min(this.#total, Math.floor(((nowMs - this.#startMs) * rate) / 1000) + 1);
    // Who is over at once, and so free again, has its turn with the next look.
    for (let free = this.#idle.length - this.#first; free > 0 && this.#begun < due; free--) {
      const slot = this.#take();
      if (!slot.ready) continue;
      const intendedMs = rate === null ? nowMs : this.#startMs + (this.#begun / rate) * 1000;
      this.#begun++;
      this.#underWay++;
      slot.begin(intendedMs);
    }
    this.#issuing = false;
  }

  /** Gives up once it should be over and nothing has moved for `timeoutMs`. */
  #watch(lastMs: number, timeoutMs: number): void {
    const nowMs = performance.now();
    if (this.moved) this.#movedMs = nowMs;
    this.moved = false;
    const silentFrom = Math.max(this.#movedMs, this.#startMs + lastMs);
    if (nowMs - silentFrom > timeoutMs) this.#giveUp();
  }

  #beginNoMore(): void {
    this.#total = this.#begun;
    this.#endIfDone();
  }

  #giveUp(): void {
    const never = Number.isFinite(this.#total) ? this.#total - this.#begun : 0;
    this.#total = this.#begun;
    if (this.#underWay > 0) this.tally.failed("no answer in time", this.#underWay);
    if (never > 0) this.tally.failed("could not begin in time", never);
    this.#abandonAll();
    this.#end();
  }

  #abandonAll(): void {
    this.#underWay = 0;
    for (const slot of this.#slots) slot.abandon();
  }

  #endIfDone(): void {
    if (this.#begun >= this.#total && this.#underWay === 0) this.#end();
  }

  #end(): void {
    this.#done?.();
    this.#done = null;
  }

  #after(ms: number, then: () => void): void {
    this.#timers.push(setTimeout(then, ms));
  }

  #every(ms: number, then: () => void): void {
    this.#timers.push(setInterval(then, ms));
  }
}
