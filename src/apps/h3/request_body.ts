/**
 * The content of one request between the stream that receives it and the handler that reads it.
 *
 * Bytes wait as leases on transport memory: while the handler does not read, the leases are not
 * released, the transport stops reading the stream, and the client meets flow control. Nothing is
 * copied before a read.
 */
import type { Chunk } from "../../transport/chunk.ts";

/** Told of what the handler does; the request stream. */
export interface RequestBodyOwner {
  /** First read, with nothing received yet: the time for 100 (Continue). */
  onBodyWanted(): void;
  /** The handler wants no more. */
  onBodyCancelled(): void;
}

interface Waiting {
  resolve(chunk: Chunk | null): void;
  reject(error: unknown): void;
}

export class RequestBody {
  readonly #owner: RequestBodyOwner;
  readonly #chunks: Chunk[] = [];
  #ended = false;
  #disturbed = false;
  #failure: unknown = null;
  #waiting: Waiting | null = null;

  constructor(owner: RequestBodyOwner) {
    this.#owner = owner;
  }

  /** True when there is no byte of it and never will be. */
  get empty(): boolean {
    return this.#ended && this.#chunks.length === 0 && this.#failure === null;
  }

  /** Somebody began to read it. */
  get disturbed(): boolean {
    return this.#disturbed;
  }

  /** Takes the lease. */
  push(chunk: Chunk): void {
    if (this.#ended) {
      chunk.release();
    } else if (this.#waiting === null) {
      this.#chunks.push(chunk);
    } else {
      const { resolve } = this.#waiting;
      this.#waiting = null;
      resolve(chunk);
    }
  }

  /** All of it was received. */
  end(): void {
    this.#ended = true;
    this.#waiting?.resolve(null);
    this.#waiting = null;
  }

  /** No more will come; what waits is released, and reads reject. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#ended = true;
    this.#release();
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }

  /** The handler gives up the rest. */
  cancel(): void {
    this.#disturbed = true;
    if (this.#ended && this.#chunks.length === 0) return;
    this.#ended = true;
    this.#release();
    this.#owner.onBodyCancelled();
  }

  #release(): void {
    for (const chunk of this.#chunks) chunk.release();
    this.#chunks.length = 0;
  }

  /** The next chunk, owned by the caller; null at the end. One read at a time. */
  read(): Promise<Chunk | null> {
    this.#disturbed = true;
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(null);
    this.#owner.onBodyWanted();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** All of it, copied once; each lease is released as soon as its bytes are. */
  async collect(): Promise<Uint8Array<ArrayBuffer>> {
    let target = new Uint8Array(0);
    let length = 0;
    for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) {
      const needed = length + chunk.length;
      if (needed > target.length) {
        const grown = new Uint8Array(length === 0 ? needed : Math.max(needed, 2 * target.length));
        grown.set(target.subarray(0, length));
        target = grown;
      }
      chunk.copyTo(target, length);
      chunk.release();
      length = needed;
    }
    return length === target.length ? target : target.slice(0, length);
  }

  /** Pulled only: a stream that nobody reads holds the client back. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream(
      {
        pull: async (controller) => {
          const chunk = await this.read();
          if (chunk === null) {
            controller.close();
            return;
          }
          const bytes = chunk.bytes();
          chunk.release();
          controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
        },
        cancel: () => this.cancel(),
      },
      { highWaterMark: 0 },
    );
  }
}
