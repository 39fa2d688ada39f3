/**
 * Tells when workers lose datagrams because a socket's buffer was full: the kernel drops them
 * silently, and QUIC only looks slow.
 */

/** Between two lines about it. */
const QUIET_MS = 60_000;
const LOOK_EVERY_MS = 10_000;

export interface LossWatchOptions {
  /** Datagrams lost since the start, of all workers. */
  drops(): number;
  /** Least that any worker's socket was granted. */
  receiveBufferBytes: number;
  warn(line: string): void;
}

export class LossWatch {
  readonly #options: LossWatchOptions;
  #told = 0;
  #quietUntil = 0;
  #timer: Timer | null = null;

  constructor(options: LossWatchOptions) {
    this.#options = options;
  }

  /** Looks every few seconds, without keeping the process alive. */
  start(): void {
    this.#timer ??= setInterval(() => this.look(performance.now()), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Looks no more. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** @param nowMs of a clock that only goes forward */
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
