/**
 * One direction of the link before its far end: a serialiser of fixed rate behind a drop-tail
 * queue, then a fixed delay; ns-3's point-to-point device with a first-in first-out root queue.
 *
 * In virtual time: a packet's way is reckoned from when it came in, so that a late simulator makes
 * single packets late and the link never slower.
 */

export interface BottleneckOptions {
  bitsPerSecond: number;
  /** One way. */
  delayNs: number;
  /** Packets that may wait in the root queue. */
  queuePackets: number;
}

/** A PPP header's part of a frame: ns-3 counts it. */
const LINK_HEADER_BYTES = 2;
/** Beside the root queue: one in the device's own queue, one being sent. */
const DEVICE_PACKETS = 2;

export class Bottleneck {
  dropped = 0;
  /** Of an accepted packet, when it comes out at the far end. Never decreases. */
  dueNs = 0;
  readonly #options: BottleneckOptions;
  /** When each packet in queue, device and wire has been sent; a ring. */
  readonly #sentNs: Float64Array;
  #head = 0;
  #count = 0;
  #freeNs = 0;

  constructor(options: BottleneckOptions) {
    this.#options = options;
    this.#sentNs = new Float64Array(options.queuePackets + DEVICE_PACKETS);
  }

  /** False: there was no room. `ipBytes`: the packet without its Ethernet header. */
  offer(ipBytes: number, nowNs: number): boolean {
    const room = this.#sentNs.length;
    while (this.#count > 0 && (this.#sentNs[this.#head] ?? 0) <= nowNs) {
      this.#head = (this.#head + 1) % room;
      this.#count--;
    }
    if (this.#count === room) {
      this.dropped++;
      return false;
    }
    const bits = (ipBytes + LINK_HEADER_BYTES) * 8;
    const startNs = Math.max(nowNs, this.#freeNs);
    this.#freeNs = startNs + (bits * 1e9) / this.#options.bitsPerSecond;
    this.#sentNs[(this.#head + this.#count) % room] = this.#freeNs;
    this.#count++;
    this.dueNs = this.#freeNs + this.#options.delayNs;
    return true;
  }
}
