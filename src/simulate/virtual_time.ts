/**
 * The time of a simulation, for the code that runs in it: while installed, `setTimeout`,
 * `setInterval`, `Date.now`, `performance.now`, `Bun.sleep` and `Math.random` of this thread are
 * virtual, so that a protocol's own timers take no real time and equal seeds give equal runs.
 */

/** 2030-01-01: the calendar's time at the start, as native/sim/clock.c has it. */
const CALENDAR_MS = Date.UTC(2030, 0, 1);

interface Entry {
  atMs: number;
  sequence: number;
  everyMs: number | null;
  call: () => void;
}

/** What `setTimeout` gives: as much of a Node timer as code looks at. */
class VirtualTimer {
  readonly #time: VirtualTime;
  readonly entry: Entry;

  constructor(time: VirtualTime, entry: Entry) {
    this.#time = time;
    this.entry = entry;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.toPrimitive](): number {
    return this.entry.sequence;
  }

  [Symbol.dispose](): void {
    this.#time.cancel(this);
  }
}

/**
 * The network counts nanoseconds: it would stop just short of a time that is no whole number of
 * them, and never reach it.
 */
function wholeNs(ms: number): number {
  return Math.ceil(ms * 1e6) / 1e6;
}

export class VirtualTime {
  #nowMs = 0;
  #sequence = 0;
  #random: number;
  readonly #entries = new Map<number, Entry>();

  /** @param seed of `Math.random`. */
  constructor(seed: number) {
    this.#random = seed >>> 0;
  }

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next timer is due; Infinity: none is set. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { atMs } of this.#entries.values()) next = Math.min(next, atMs);
    return next;
  }

  /** 0 to 1, from the seed (mulberry32). */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let z = this.#random;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  }

  /** It is `nowMs` now: calls what is due, in the order in which it is. */
  advance(nowMs: number): void {
    this.#nowMs = Math.max(nowMs, this.#nowMs);
    const due = [...this.#entries.values()]
      .filter(({ atMs }) => atMs <= this.#nowMs)
      .sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence);
    for (const entry of due) {
      if (!this.#entries.has(entry.sequence)) continue;
      if (entry.everyMs === null) this.#entries.delete(entry.sequence);
      else entry.atMs = wholeNs(this.#nowMs + entry.everyMs);
      entry.call();
    }
  }

  set(call: () => void, delayMs: number, repeat: boolean): VirtualTimer {
    const delay = Math.max(delayMs || 0, 1);
    const entry: Entry = {
      atMs: wholeNs(this.#nowMs + delay),
      sequence: ++this.#sequence,
      everyMs: repeat ? delay : null,
      call,
    };
    this.#entries.set(entry.sequence, entry);
    return new VirtualTimer(this, entry);
  }

  cancel(timer: unknown): void {
    if (timer instanceof VirtualTimer) this.#entries.delete(timer.entry.sequence);
    else if (typeof timer === "number") this.#entries.delete(timer);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.set(resolve, delayMs, false));
  }

  /** Takes the place of the thread's clocks; the result puts them back. */
  install(): () => void {
    const timer =
      (repeat: boolean) =>
      (call: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) =>
        this.set(() => call(...args), Number(delayMs), repeat);
    const cancel = (given: unknown) => this.cancel(given);
    const restores = [
      replace(globalThis, "setTimeout", timer(false)),
      replace(globalThis, "setInterval", timer(true)),
      replace(globalThis, "clearTimeout", cancel),
      replace(globalThis, "clearInterval", cancel),
      replace(Date, "now", () => CALENDAR_MS + Math.floor(this.#nowMs)),
      replace(performance, "now", () => this.#nowMs),
      replace(Math, "random", () => this.random()),
      replace(Bun, "sleep", (delay: number | Date) =>
        this.sleep(typeof delay === "number" ? delay : delay.getTime() - Date.now()),
      ),
    ];
    return () => {
      for (const restore of restores) restore();
    };
  }
}

/** Where the runtime lets nobody define it anew it is at least assigned. */
function replace(target: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name);
  if (own?.configurable === false) {
    Reflect.set(target, name, value);
    return () => Reflect.set(target, name, own.value);
  }
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(target, name);
    else Object.defineProperty(target, name, own);
  };
}
