/**
 * One direction of a link: what is larger than its MTU is dropped; then a drop-tail queue, then a
 * serialiser of fixed rate, then a fixed delay, then random loss.
 *
 * Pure: no clock, no socket. It answers at which times a packet offered now comes out; relay.ts
 * moves the bytes. Loss comes last, so a lost packet has used the link, as in ns-3's receive error
 * model.
 */
import { createRandom } from "./random.ts";

export interface LinkOptions {
  /** One way. */
  delayMs: number;
  /** Bits per second; 0: unlimited. */
  rateBitsPerSecond: number;
  /** Packets that may wait for the serialiser; 0: unlimited. */
  queuePackets: number;
  /** Of IP packets, bytes; 0: any size. Nobody is told of what was dropped (a black hole). */
  mtuBytes: number;
  /** 0..1. */
  lossRate: number;
  /** 0..1. */
  duplicateRate: number;
}

export interface LinkCounters {
  offered: number;
  delivered: number;
  deliveredBytes: number;
  /** Of a packet's payload. */
  deliveredBytesMax: number;
  lost: number;
  tooLarge: number;
  queueDropped: number;
  duplicated: number;
  queuePacketsMax: number;
}

export const NO_LINK: LinkOptions = {
  delayMs: 0,
  rateBitsPerSecond: 0,
  queuePackets: 0,
  mtuBytes: 0,
  lossRate: 0,
  duplicateRate: 0,
};

/**
 * IPv4 and UDP headers and the 2 bytes of a PPP frame: what a packet takes on the simulated wire
 * beyond its payload.
 */
const IP_OVERHEAD_BYTES = 20 + 8;
const WIRE_OVERHEAD_BYTES = IP_OVERHEAD_BYTES + 2;

export class Link {
  readonly counters: LinkCounters = {
    offered: 0,
    delivered: 0,
    deliveredBytes: 0,
    deliveredBytesMax: 0,
    lost: 0,
    tooLarge: 0,
    queueDropped: 0,
    duplicated: 0,
    queuePacketsMax: 0,
  };
  readonly #options: LinkOptions;
  readonly #random: () => number;
  /** When the serialiser is done with everything accepted so far, ms. */
  #freeAtMs = 0;
  /** Start times of packets that have not begun to be sent, oldest first from `#waitingHead`. */
  #waiting: number[] = [];
  #waitingHead = 0;

  constructor(options: LinkOptions, seed: number) {
    this.#options = options;
    this.#random = createRandom(seed);
  }

  /** Number of copies that will come out (0, 1 or 2); all of them at {@link dueMs}. */
  offer(payloadBytes: number, nowMs: number): number {
    const { rateBitsPerSecond, queuePackets, lossRate, duplicateRate } = this.#options;
    this.counters.offered++;
    const { mtuBytes } = this.#options;
    if (mtuBytes > 0 && payloadBytes + IP_OVERHEAD_BYTES > mtuBytes) {
      this.counters.tooLarge++;
      return 0;
    }
    const queued = this.#queuedAt(nowMs);
    if (queuePackets > 0 && queued >= queuePackets) {
      this.counters.queueDropped++;
      return 0;
    }
    const startMs = Math.max(nowMs, this.#freeAtMs);
    const wireBits = (payloadBytes + WIRE_OVERHEAD_BYTES) * 8;
    const sendMs = rateBitsPerSecond > 0 ? (wireBits * 1000) / rateBitsPerSecond : 0;
    this.#freeAtMs = startMs + sendMs;
    if (startMs > nowMs) {
      this.#waiting.push(startMs);
      this.counters.queuePacketsMax = Math.max(this.counters.queuePacketsMax, queued + 1);
    }
    // Always drawn, so that changing one rate does not shift the other's sequence.
    const lost = this.#random() < lossRate;
    const duplicated = this.#random() < duplicateRate;
    if (lost) {
      this.counters.lost++;
      return 0;
    }
    const copies = duplicated ? 2 : 1;
    if (duplicated) this.counters.duplicated++;
    this.counters.delivered += copies;
    this.counters.deliveredBytes += payloadBytes * copies;
    this.counters.deliveredBytesMax = Math.max(this.counters.deliveredBytesMax, payloadBytes);
    return copies;
  }

  /** When the packet of the last successful {@link offer} comes out. Never decreases. */
  get dueMs(): number {
    return this.#freeAtMs + this.#options.delayMs;
  }

  #queuedAt(nowMs: number): number {
    while (this.#waitingHead < this.#waiting.length) {
      const startMs = this.#waiting[this.#waitingHead];
      if (startMs === undefined || startMs > nowMs) break;
      this.#waitingHead++;
    }
    if (this.#waitingHead > 1024) {
      this.#waiting = this.#waiting.slice(this.#waitingHead);
      this.#waitingHead = 0;
    }
    return this.#waiting.length - this.#waitingHead;
  }
}
