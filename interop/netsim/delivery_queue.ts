/**
 * Holds things until their time. First in, first out: a link never reorders, so due times never
 * decrease.
 *
 * The timer of the runtime has a grain of 1 ms: what falls due within it goes out together, a burst
 * of at most rate x 1 ms (5 packets at 50 Mbit/s).
 */
export class DeliveryQueue<T> {
  #items: T[] = [];
  #dueMs: number[] = [];
  #head = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #deliver: (item: T) => void;

  constructor(deliver: (item: T) => void) {
    this.#deliver = deliver;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T, dueMs: number): void {
    if (this.length === 0 && dueMs <= performance.now()) {
      this.#deliver(item);
      return;
    }
    this.#items.push(item);
    this.#dueMs.push(dueMs);
    if (this.#timer === null) this.#arm(dueMs);
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#items = [];
    this.#dueMs = [];
    this.#head = 0;
  }

  #arm(dueMs: number): void {
    this.#timer = setTimeout(() => this.#drain(), Math.max(0, dueMs - performance.now()));
  }

  #drain(): void {
    this.#timer = null;
    // Half a grain early is nearer to the truth than half a grain late.
    const nowMs = performance.now() + 0.5;
    while (this.#head < this.#items.length) {
      const dueMs = this.#dueMs[this.#head];
      if (dueMs === undefined || dueMs > nowMs) break;
      const item = this.#items[this.#head];
      this.#head++;
      if (item !== undefined) this.#deliver(item);
    }
    if (this.#head === this.#items.length) {
      this.clear();
      return;
    }
    if (this.#head > 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#dueMs = this.#dueMs.slice(this.#head);
      this.#head = 0;
    }
    const next = this.#dueMs[this.#head];
    if (next !== undefined) this.#arm(next);
  }
}
