/**
 * Unidirectional streams of the client, RFC 9114 §6.2: the type first, then whoever reads that
 * type.
 */
import type { ChunkView } from "../../transport/chunk.ts";
import type { StreamSink, TransportStream } from "../../transport/stream.ts";
import { decodeVarint, VARINT_MAX_BYTES, varintBytesByFirst } from "../../wire/varint.ts";
import { H3Error, H3ErrorCode } from "./error.ts";

export const StreamType = { Control: 0x00, Push: 0x01, QpackEncoder: 0x02, QpackDecoder: 0x03 };

/** Reads a stream of a known type; throws connection errors. */
export interface PeerStreamReader {
  feed(memory: Uint8Array, start: number, end: number): void;
}

/** The connection's side of it. */
export interface PeerStreamOwner {
  /**
   * The reader for this type; null to refuse a type that is unknown. @throws {H3Error} for a second
   * critical stream.
   */
  openReader(type: number): PeerStreamReader | null;
  fail(error: unknown): void;
}

export class PeerStream implements StreamSink {
  readonly #owner: PeerStreamOwner;
  readonly #stream: TransportStream;
  #reader: PeerStreamReader | null = null;
  #refused = false;
  /** The type's first bytes. */
  #typeBytes: Uint8Array | null = null;
  #typeLength = 0;

  constructor(owner: PeerStreamOwner, stream: TransportStream) {
    this.#owner = owner;
    this.#stream = stream;
  }

  onData(chunk: ChunkView, fin: boolean): void {
    try {
      let offset = chunk.offset;
      const end = offset + chunk.length;
      if (this.#reader === null && !this.#refused) {
        offset = this.#readType(chunk.memory, offset, end);
      }
      if (offset < end) this.#reader?.feed(chunk.memory, offset, end);
      if (fin) this.#onEnd();
    } catch (error) {
      this.#owner.fail(error);
    }
  }

  /** Returns the offset after the type, or `end`. */
  #readType(memory: Uint8Array, start: number, end: number): number {
    this.#typeBytes ??= new Uint8Array(VARINT_MAX_BYTES);
    for (let offset = start; offset < end; offset++) {
      this.#typeBytes[this.#typeLength++] = memory[offset]!;
      if (this.#typeLength < varintBytesByFirst(this.#typeBytes[0]!)) continue;
      this.#reader = this.#owner.openReader(decodeVarint(this.#typeBytes, 0));
      if (this.#reader === null) {
        this.#refused = true;
        this.#stream.stop(H3ErrorCode.StreamCreationError);
      }
      return offset + 1;
    }
    return end;
  }

  /** Every stream that has a reader is critical (RFC 9114 §6.2.1, RFC 9204 §4.2). */
  #onEnd(): void {
    if (this.#reader !== null) {
      throw new H3Error(H3ErrorCode.ClosedCriticalStream, "critical stream ended");
    }
  }

  onReset(): void {
    try {
      this.#onEnd();
    } catch (error) {
      this.#owner.fail(error);
    }
  }

  onStopped(): void {}
  onWritable(): void {}
  onConnectionClosed(): void {}
}
