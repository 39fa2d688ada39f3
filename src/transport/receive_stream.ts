/**
 * The receive side for applications that read at their own pace: chunks wait here, each with its
 * lease, so an application that does not read makes the worker stop reading and the peer meet flow
 * control. The bound (chunks per stream) is the worker's; this queue needs none of its own.
 */
import { assert } from "../assert.ts";
import { standardError } from "../telemetry/failure_log.ts";
import type { Chunk, ChunkView } from "./chunk.ts";
import { StreamError } from "./error.ts";
import type { ErrorCode } from "./error_code.ts";
import { BorrowedChunk, type ChunkLedger } from "./native_chunk.ts";
import type { ReceiveStream, StreamSink, TransportStream } from "./stream.ts";

/** What else an application wants to know of a stream that it reads through a queue. */
export interface StreamObserver {
  onReset(id: number, code: ErrorCode): void;
  onStopped(id: number, code: ErrorCode): void;
  /** It ended and nothing of it waits to be read. Once. */
  onDrained(queue: ReceiveQueue): void;
}

interface Waiter {
  resolve(chunk: Chunk | null): void;
  reject(error: StreamError): void;
}

export class ReceiveQueue implements ReceiveStream, StreamSink {
  readonly id: number;
  readonly #stream: TransportStream;
  readonly #connectionId: string;
  readonly #chunksMax: number;
  readonly #observer: StreamObserver | null;
  #chunks: Chunk[] = [];
  #next = 0;
  #waiter: Waiter | null = null;
  #ended = false;
  #error: StreamError | null = null;
  #warned = false;
  /** Chunks of this stream that somebody holds: those that wait here and those that were read. */
  readonly #ledger: ChunkLedger = { outstanding: 0 };

  /** @param chunksMax the worker stops reading the stream at so many unreleased chunks. */
  constructor(
    stream: TransportStream,
    connectionId: string,
    chunksMax: number,
    observer: StreamObserver | null = null,
  ) {
    this.id = stream.id;
    this.#stream = stream;
    this.#connectionId = connectionId;
    this.#chunksMax = chunksMax;
    this.#observer = observer;
  }

  read(): Promise<Chunk | null> {
    if (this.#next < this.#chunks.length) return Promise.resolve(this.#shift());
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(null);
    assert(this.#waiter === null, "one read at a time");
    this.#warnIfStalled();
    const { promise, resolve, reject } = Promise.withResolvers<Chunk | null>();
    this.#waiter = { resolve, reject };
    return promise;
  }

  stop(errorCode: ErrorCode): void {
    this.abandon();
    this.#stream.stop(errorCode);
  }

  /** Nobody will read on: gives back what waits. */
  abandon(): void {
    this.#releaseWaiting();
    this.#end(null);
  }

  /** Releases the chunk before the one it gives; `chunk.retain()` keeps bytes longer. */
  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    let current: Chunk | null = null;
    const releaseCurrent = () => {
      current?.release();
      current = null;
    };
    return {
      next: async () => {
        releaseCurrent();
        current = await this.read();
        if (current === null) return { done: true, value: undefined };
        return { done: false, value: current };
      },
      // The loop was left by break, return or throw: nobody reads on.
      return: async () => {
        releaseCurrent();
        if (this.#ended) this.abandon();
        else this.stop(0);
        return { done: true, value: undefined };
      },
    };
  }

  onData(view: ChunkView, fin: boolean): void {
    if (this.#ended) return;
    if (view.length > 0) {
      if (view instanceof BorrowedChunk) view.ledger = this.#ledger;
      this.#push(view.retain());
    }
    if (fin) this.#end(null);
  }

  /** What came before it is read first: RESET_STREAM_AT promises that. */
  onReset(errorCode: ErrorCode): void {
    this.#end(new StreamError("reset", errorCode, this.id));
    this.#observer?.onReset(this.id, errorCode);
  }

  onStopped(errorCode: ErrorCode): void {
    this.#observer?.onStopped(this.id, errorCode);
  }

  onWritable(): void {}

  onConnectionClosed(): void {
    this.#end(new StreamError("connection-closed", 0, this.id));
  }

  #push(chunk: Chunk): void {
    const waiter = this.#waiter;
    if (waiter !== null) {
      this.#waiter = null;
      waiter.resolve(chunk);
      return;
    }
    this.#chunks.push(chunk);
  }

  #shift(): Chunk {
    const chunk = this.#chunks[this.#next++]!;
    if (this.#next === this.#chunks.length) {
      this.#chunks = [];
      this.#next = 0;
      if (this.#ended) this.#observer?.onDrained(this);
    }
    return chunk;
  }

  #end(error: StreamError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    if (this.#chunks.length === 0) this.#observer?.onDrained(this);
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter === null) return;
    if (error === null) waiter.resolve(null);
    else waiter.reject(error);
  }

  #releaseWaiting(): void {
    while (this.#next < this.#chunks.length) this.#shift().release();
  }

  /** A reader that waits while it holds all that the worker will lend waits for itself. */
  #warnIfStalled(): void {
    if (this.#warned || this.#ledger.outstanding < this.#chunksMax) return;
    this.#warned = true;
    standardError.report(
      `quicd: stream ${this.id} of connection ${this.#connectionId} stalls: ` +
        `${this.#ledger.outstanding} chunks of it are not released`,
    );
  }
}
