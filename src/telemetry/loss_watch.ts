/**
 * Tells when workers lose datagrams because a socket's buffer was full: the kernel drops them
 * silently, and QUIC only looks slow.
 */
import type { Watch } from "./watch_timer.ts";

/** Between two lines about it. */
const QUIET_MS = 60_000;

export interface LossWatchOptions {
  /** Datagrams lost since the start, of all workers. */
  drops(): number;
  /** Least that any worker's socket was granted. */
  receiveBufferBytes: number;
  warn(line: string): void;
}

export class LossWatch implements Watch {
  readonly #options: LossWatchOptions;
  #told = 0;
  #quietUntil = 0;

  constructor(options: LossWatchOptions) {
    this.#options = options;
  }

  look(nowMs: number): void {
    const { drops, receiveBufferBytes, warn } = this.#options;
    const lost = drops() - this.#told;
    if (lost <= 0 || nowMs < this.#quietUntil) return;
    this.#told += lost;
    this.#quietUntil = nowMs + QUIET_MS;
    const twice = receiveBufferBytes * 2;
    warn(
      `quicd: ${lost} datagrams were lost since the socket buffers (${receiveBufferBytes} bytes) ` +
        `were full. Remedy: sysctl -w net.core.rmem_max=${twice} and netio.socket_buffer_bytes = ` +
        `${twice}, or more workers`,
    );
  }
}
