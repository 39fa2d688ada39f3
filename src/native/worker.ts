/**
 * Views of what one worker shares with app threads: the connection and stream tables. The worker
 * writes, TypeScript reads; an aligned u32 is never torn.
 */
import {
  CONNECTION_VIEW_SIZE,
  CONNECTION_VIEW_WORDS,
  STREAM_VIEW_CREDIT_LIMIT_WORD,
  STREAM_VIEW_SIZE,
  STREAM_VIEW_WORDS,
} from "./abi.gen.ts";

export class WorkerMemory {
  readonly connectionCapacity: number;
  readonly streamCapacity: number;
  readonly #connectionBytes: Uint8Array;
  readonly #connectionWords: Uint32Array;
  readonly #streamWords: Uint32Array;

  /**
   * @param connections struct quicd_connection_view[]
   * @param streams struct quicd_stream_view[]
   */
  constructor(
    readonly index: number,
    connections: ArrayBuffer,
    streams: ArrayBuffer,
  ) {
    this.connectionCapacity = connections.byteLength / CONNECTION_VIEW_SIZE;
    this.streamCapacity = streams.byteLength / STREAM_VIEW_SIZE;
    this.#connectionBytes = new Uint8Array(connections);
    this.#connectionWords = new Uint32Array(connections);
    this.#streamWords = new Uint32Array(streams);
  }

  /** Total bytes that may have been written to the stream so far, modulo 2^32; it only grows. */
  creditLimit(stream: number): number {
    return this.#streamWords[stream * STREAM_VIEW_WORDS + STREAM_VIEW_CREDIT_LIMIT_WORD]!;
  }

  /** A u32 of a connection's view. */
  connectionWord(connection: number, word: number): number {
    return this.#connectionWords[connection * CONNECTION_VIEW_WORDS + word]!;
  }

  /** A copy of a connection's view: the slot may belong to another connection later. */
  copyConnection(connection: number): Uint8Array<ArrayBuffer> {
    const start = connection * CONNECTION_VIEW_SIZE;
    return this.#connectionBytes.slice(
      start,
      start + CONNECTION_VIEW_SIZE,
    ) as Uint8Array<ArrayBuffer>;
  }
}
