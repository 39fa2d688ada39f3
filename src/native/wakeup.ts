/**
 * Who wakes whom, and when. One per app thread.
 *
 *     parked --bell--> turn --> settle (after the microtasks) --nothing new--> park
 *                       ^          | more              | 256 events since the last yield
 *                       +----------+ <-- setImmediate -+
 *
 * - At most 256 events are handled before the event loop gets its turn: an unbounded drain starves
 *   timers.
 * - A worker is kicked once per burst, not once per commit: at the end of a turn for what sinks
 *   committed in it, and some microtasks after the first commit outside one, so that all handlers
 *   of a batch, which answer in promises of about the same depth, share one kick.
 * - The doorbell is armed only when all rings were empty after the microtasks: a worker that has
 *   news while we still run handlers need not ring.
 */
import type { EventRing } from "./event_ring.ts";
import type { HotCalls } from "./hot_calls.ts";

export const EVENTS_PER_TURN = 256;

/** Async handlers of one batch commit within this many microtask rounds of each other. */
const SETTLE_ROUNDS = 3;

export interface EventConsumer {
  /** One entry, borrowed for the call: `words[entry]` is its first word. Must not throw. */
  onEvent(worker: number, words: Uint32Array, entry: number): void;
  /**
   * After the events of a turn. Returns true when it must run again soon though nothing may arrive.
   */
  onTurnEnd(): boolean;
}

export class Wakeup {
  readonly #calls: HotCalls;
  readonly #app: number;
  readonly #rings: readonly EventRing[];
  readonly #consumer: EventConsumer;
  /** By worker: commands were committed since its last kick. */
  readonly #unkicked: boolean[];
  #anyUnkicked = false;
  #turning = false;
  #settling = false;
  #settleRound = 0;
  #yielding = false;
  #parked = false;
  #closed = false;
  #retry = false;
  #firstRing = 0;
  /** Events handled since the event loop last had its turn. */
  #handled = 0;

  constructor(calls: HotCalls, app: number, rings: readonly EventRing[], consumer: EventConsumer) {
    this.#calls = calls;
    this.#app = app;
    this.#rings = rings;
    this.#consumer = consumer;
    this.#unkicked = rings.map(() => false);
  }

  /** The doorbell: news in a ring, buffers came back, or a signal. Also starts the first turn. */
  readonly bell = (): void => {
    this.#parked = false;
    this.#handled = 0;
    this.#turn();
  };

  /** A command was committed for this worker: it will be kicked before the event loop waits. */
  committed(worker: number): void {
    this.#unkicked[worker] = true;
    this.#anyUnkicked = true;
    if (!this.#turning) this.#settleLater();
  }

  /** Runs `onTurnEnd` soon, with no event needed. */
  turnSoon(): void {
    if (!this.#turning) this.#yield();
  }

  /** No more turns. Late bells do nothing. */
  close(): void {
    this.#kickAll();
    this.#closed = true;
  }

  #turn(): void {
    if (this.#turning || this.#closed) return;
    this.#turning = true;
    const handled = this.#drain();
    this.#retry = this.#consumer.onTurnEnd();
    this.#turning = false;
    this.#kickAll();
    if (this.#retry || this.#handled >= EVENTS_PER_TURN) this.#yield();
    else if (handled > 0) this.#settleLater();
    else this.#park();
  }

  /** Over all rings, the first one in rotation: a busy worker must not starve the others. */
  #drain(): number {
    const rings = this.#rings;
    const first = this.#firstRing;
    this.#firstRing = (first + 1) % rings.length;
    let handled = 0;
    for (let step = 0; step < rings.length; step++) {
      const worker = (first + step) % rings.length;
      const ring = rings[worker]!;
      const count = Math.min(ring.peek(), EVENTS_PER_TURN - this.#handled);
      if (count <= 0) continue;
      for (let index = 0; index < count; index++) {
        this.#consumer.onEvent(worker, ring.words, ring.entry(index));
      }
      ring.release(count);
      this.#handled += count;
      handled += count;
    }
    return handled;
  }

  #kickAll(): void {
    if (!this.#anyUnkicked) return;
    this.#anyUnkicked = false;
    for (let worker = 0; worker < this.#unkicked.length; worker++) {
      if (!this.#unkicked[worker]) continue;
      this.#unkicked[worker] = false;
      this.#calls.quicd_kick(this.#app, worker);
    }
  }

  #settleLater(): void {
    if (this.#settling || this.#closed) return;
    this.#settling = true;
    this.#settleRound = 0;
    queueMicrotask(this.#settle);
  }

  readonly #settle = (): void => {
    if (++this.#settleRound < SETTLE_ROUNDS) {
      queueMicrotask(this.#settle);
      return;
    }
    this.#settling = false;
    this.#kickAll();
    if (!this.#parked && !this.#yielding) this.#turn();
  };

  #yield(): void {
    if (this.#yielding || this.#closed) return;
    this.#yielding = true;
    setImmediate(this.#resume);
  }

  readonly #resume = (): void => {
    this.#yielding = false;
    this.#handled = 0;
    this.#turn();
  };

  #park(): void {
    if (this.#calls.quicd_park(this.#app) === 1) this.#parked = true;
    else this.#settleLater();
  }
}
