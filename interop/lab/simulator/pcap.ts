/**
 * A capture file in pcap's format with stamps of nanoseconds, link type Ethernet.
 *
 * Written through a buffer of its own, so that a packet costs a copy; {@link flush} often, as who
 * ends us with SIGKILL loses the rest.
 */
import { closeSync, openSync, writeSync } from "node:fs";

const MAGIC_NS = 0xa1b23c4d;
const SNAP_BYTES = 262144;
const LINK_ETHERNET = 1;
const RECORD_HEADER_BYTES = 16;
const BUFFER_BYTES = 1 << 18;

export class Capture {
  packets = 0;
  readonly #file: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #used = 0;
  #lastNs = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
    this.#view.setUint32(0, MAGIC_NS, true);
    this.#view.setUint16(4, 2, true);
    this.#view.setUint16(6, 4, true);
    this.#view.setUint32(16, SNAP_BYTES, true);
    this.#view.setUint32(20, LINK_ETHERNET, true);
    this.#used = 24;
    this.flush();
  }

  /** `timeNs`: since `baseSeconds`, which is since 1970. */
  write(frame: Uint8Array, length: number, baseSeconds: number, timeNs: number): void {
    if (this.#used + RECORD_HEADER_BYTES + length > BUFFER_BYTES) this.flush();
    // What came in has the kernel's stamp, what goes out ours: never back in time.
    this.#lastNs = Math.max(this.#lastNs, timeNs);
    const seconds = Math.floor(this.#lastNs / 1e9);
    this.#view.setUint32(this.#used, baseSeconds + seconds, true);
    this.#view.setUint32(this.#used + 4, Math.floor(this.#lastNs - seconds * 1e9), true);
    this.#view.setUint32(this.#used + 8, length, true);
    this.#view.setUint32(this.#used + 12, length, true);
    this.#used += RECORD_HEADER_BYTES;
    this.#buffer.set(length === frame.length ? frame : frame.subarray(0, length), this.#used);
    this.#used += length;
    this.packets++;
  }

  flush(): void {
    let written = 0;
    while (written < this.#used) {
      written += writeSync(this.#file, this.#buffer, written, this.#used - written);
    }
    this.#used = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }
}
