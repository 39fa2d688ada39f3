/**
 * Streams as applications see them (RFC 9000 §2), on top of either the native core or the fake
 * connection of the tests.
 *
 * Fullness is a value, never an exception: `tryWrite` answers how many bytes it took, `reserve`
 * answers null. After either fell short, the stream's sink gets `onWritable` once there is room
 * again.
 */
import type { Chunk, ChunkView } from "./chunk";
import type { ErrorCode } from "./error_code";

/**
 * Memory to write into, straight from the slab that the worker sends from: `memory[offset .. offset
 * + capacity)`. One object per stream owner is reused: between `reserve` and `commit` or `cancel`
 * no other reserve may happen on the same app thread.
 */
export interface SendBuffer {
  readonly memory: Uint8Array;
  readonly offset: number;
  readonly capacity: number;
}

export interface SendStream {
  /** RFC 9000 §2.1. */
  readonly id: number;
  /**
   * Bytes that the stream's credit allows now. The slab or the ring may still be fuller than that.
   */
  readonly credit: number;
  /**
   * Copies what fits now into the slab and sends it; returns the bytes taken, 0..length. `fin` is
   * taken with the last byte only.
   */
  tryWrite(bytes: Uint8Array, fin?: boolean): number;
  /**
   * Resolves when all of it was accepted into credit. Rejects with {@link StreamError} if the
   * stream ends before that.
   */
  write(bytes: Uint8Array | Chunk, fin?: boolean): Promise<void>;
  /**
   * By reference, no copy: takes the whole chunk and releases the caller's lease, or takes nothing
   * (false).
   */
  tryWriteChunk(chunk: Chunk, fin?: boolean): boolean;
  /**
   * A buffer of at least `minimumBytes` (at most 16,384) within credit, to encode into; null when
   * there is no credit, buffer or ring room. Follow with exactly one `commit` or `cancel`,
   * synchronously.
   */
  reserve(minimumBytes: number): SendBuffer | null;
  /** Sends the first `length` bytes of the reserved buffer. */
  commit(length: number, fin: boolean): void;
  cancel(): void;
  /** FIN after what was written. Never lost: waits for ring room by itself. */
  finish(): void;
  /**
   * RESET_STREAM (RFC 9000 §19.4); queued bytes are dropped.
   *
   * The first `reliableBytes` of what was written arrive all the same, before the reset, by
   * RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset); at most all of it. A peer that does
   * not know that frame ({@link QuicConnection.reliableReset}) gets RESET_STREAM and may lose them.
   *
   * @throws RangeError for what is no {@link ErrorCode}; so do `stop` and a connection's `close`.
   */
  reset(errorCode: ErrorCode, reliableBytes?: number): void;
  /** RFC 9218 §4: 0 (first) to 7. */
  setPriority(urgency: number, incremental: boolean): void;
}

export interface ReceiveStream extends AsyncIterable<Chunk> {
  readonly id: number;
  /**
   * The next chunk, owned by the caller; null after the last one. One read at a time. Rejects with
   * a {@link StreamError} when the peer has reset the stream and what came before that is read.
   */
  read(): Promise<Chunk | null>;
  /** STOP_SENDING (RFC 9000 §19.5); what is buffered is released. */
  stop(errorCode: ErrorCode): void;
}

/** What the synchronous fast path (HTTP/3, MoQ) implements per stream. Calls never nest. */
export interface StreamSink {
  /** `chunk` is borrowed for the call; length 0 only together with `fin`. */
  onData(chunk: ChunkView, fin: boolean): void;
  /** The peer's RESET_STREAM: nothing more comes. */
  onReset(errorCode: ErrorCode): void;
  /** The peer's STOP_SENDING: it reads no more of what we write; the send side is closed. */
  onStopped(errorCode: ErrorCode): void;
  /** There is room again after a `tryWrite`, `tryWriteChunk` or `reserve` that fell short. */
  onWritable(): void;
  /** The connection ended before the stream did. */
  onConnectionClosed(): void;
}

/**
 * A stream in the hands of a sink.
 *
 * Backpressure on the receive side: bytes that a sink keeps are kept as chunks (`chunk.retain()`);
 * while many of them are unreleased the worker reads no more of the stream and the peer meets flow
 * control.
 */
export interface TransportStream {
  readonly id: number;
  readonly bidirectional: boolean;
  /** True if this side opened it. */
  readonly local: boolean;
  /** Its first bytes came as 0-RTT: they may be a replay (RFC 9001 §9.2). */
  readonly early: boolean;
  /** Null on a unidirectional stream of the peer. */
  readonly send: SendStream | null;
  /** STOP_SENDING for the receive side; no-op when it has ended. */
  stop(errorCode: ErrorCode): void;
}
