/**
 * The response that takes more than one Write: large, slow, or met by a full stream.
 *
 * What is to be sent is always the same three things in a row: some prefix bytes (the head, a DATA
 * header), the rest of one DATA frame read from a source, and then either the end or the next
 * chunk. Each can be cut anywhere, so a client that grants one byte of credit at a time gets its
 * response too.
 */
import type { SendStream } from "../../transport/stream.ts";
import { type BodySource, MemorySource } from "./body.ts";
import type { ChunkReader } from "./chunk_reader.ts";
import { encodeFrameHeader, FRAME_HEADER_MAX_BYTES, FrameType } from "./frame.ts";
import { RESERVE_MAX_BYTES } from "./small_response.ts";

/** Where a writer reports; the request stream. */
export interface WriterOwner {
  /** FIN is committed. */
  onResponseEnd(bodyBytes: number): void;
  /** The body failed or is not as long as declared. `started`: bytes of the response are out. */
  onResponseFailed(error: Error, started: boolean): void;
}

export type WriterBody =
  | { readonly source: BodySource }
  | { readonly chunks: ChunkReader; readonly mayFailFirst: boolean };

const NO_BYTES = new Uint8Array(0);
/** Piece that a source of unknown length is read in. */
const PIECE_BYTES = RESERVE_MAX_BYTES - FRAME_HEADER_MAX_BYTES;

export class ResponseWriter {
  readonly #send: SendStream;
  readonly #owner: WriterOwner;
  /** Bytes that the head promised; -1: none. */
  readonly #declared: number;
  #prefix: Uint8Array;
  #prefixSent = 0;
  /** The DATA frame in progress: its source and what is missing of it. */
  #frame: BodySource | null = null;
  #frameRemaining = 0;
  /** What comes after the frame: nothing, when both are null. */
  #source: BodySource | null = null;
  #chunks: ChunkReader | null = null;
  #holding = false;
  #reading = false;
  #started = false;
  #ended = false;
  #bodyBytes = 0;

  /** `head`: the HEADERS frame; the writer keeps it. `body` null: the head is all. */
  constructor(
    send: SendStream,
    owner: WriterOwner,
    head: Uint8Array,
    body: WriterBody | null,
    declared: number,
  ) {
    this.#send = send;
    this.#owner = owner;
    this.#prefix = head;
    this.#declared = declared;
    if (body === null) return;
    if ("chunks" in body) {
      this.#chunks = body.chunks;
      this.#holding = body.mayFailFirst;
    } else if (body.source.length === null) {
      this.#source = body.source;
    } else {
      this.#beginFrame(body.source, body.source.length, head);
    }
  }

  /** Writes what there is room for; again at each `onWritable`. */
  pump(): void {
    while (!this.#ended) {
      if (this.#holding) return this.#readChunk();
      const pending = this.#prefix.length - this.#prefixSent + this.#frameRemaining;
      if (pending === 0) {
        if (this.#source !== null) this.#readSource(this.#source);
        else if (this.#chunks !== null) return this.#readChunk();
        else return this.#finish();
        continue;
      }
      if (!this.#writeSome(pending)) return;
    }
  }

  /** One Write. False when there is no room now, or the response ended. */
  #writeSome(pending: number): boolean {
    const wanted = Math.min(pending, RESERVE_MAX_BYTES, Math.max(1, this.#send.credit));
    const buffer = this.#send.reserve(wanted);
    if (buffer === null) return false;
    const { memory, offset } = buffer;
    const room = Math.min(buffer.capacity, pending, RESERVE_MAX_BYTES);
    const prefixBytes = this.#copyPrefix(memory, offset, room);
    let written = prefixBytes;
    while (written < room) {
      const bytes = readSafely(this.#frame!, memory, offset + written, room - written);
      if (bytes <= 0) {
        this.#send.cancel();
        this.#fail(new Error(bytes < 0 ? "body source failed" : "body source ended early"));
        return false;
      }
      written += bytes;
    }
    this.#frameRemaining -= written - prefixBytes;
    const last = written === pending && this.#source === null && this.#chunks === null;
    this.#started = true;
    this.#send.commit(written, last);
    if (last) this.#end();
    return !last;
  }

  #copyPrefix(memory: Uint8Array, offset: number, room: number): number {
    const start = this.#prefixSent;
    const bytes = Math.min(room, this.#prefix.length - start);
    if (bytes === 0) return 0;
    memory.set(this.#prefix.subarray(start, start + bytes), offset);
    this.#prefixSent += bytes;
    return bytes;
  }

  /** Puts the header of a DATA frame behind `before`, and its payload after that. */
  #beginFrame(source: BodySource, length: number, before: Uint8Array): void {
    const header = new Uint8Array(before.length + FRAME_HEADER_MAX_BYTES);
    header.set(before);
    const end = encodeFrameHeader(FrameType.Data, length, header, before.length);
    this.#prefix = length === 0 ? before : header.subarray(0, end);
    this.#prefixSent = 0;
    this.#frame?.close();
    this.#frame = source;
    this.#frameRemaining = length;
    this.#bodyBytes += length;
  }

  #beginPiece(bytes: Uint8Array): void {
    const before = this.#holding ? this.#prefix : NO_BYTES;
    this.#holding = false;
    this.#beginFrame(new MemorySource(bytes), bytes.length, before);
  }

  /** The next piece of a source that does not know its length: each becomes a frame. */
  #readSource(source: BodySource): void {
    const piece = new Uint8Array(PIECE_BYTES);
    const bytes = readSafely(source, piece, 0, piece.length);
    if (bytes < 0) {
      this.#fail(new Error("body source failed"));
    } else if (bytes === 0) {
      this.#source = null;
      source.close();
      this.#checkLength();
    } else {
      this.#beginPiece(piece.subarray(0, bytes));
    }
  }

  #readChunk(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#chunks!.read().then(this.#onChunk, this.#onChunkFailed);
  }

  readonly #onChunk = (bytes: Uint8Array | null): void => {
    this.#reading = false;
    if (this.#ended) return;
    if (bytes === null) {
      this.#chunks = null;
      this.#holding = false;
      this.#checkLength();
    } else if (this.#declared >= 0 && this.#bodyBytes + bytes.length > this.#declared) {
      this.#fail(new Error(`body longer than its content-length, ${this.#declared}`));
      return;
    } else {
      this.#beginPiece(bytes);
    }
    this.pump();
  };

  readonly #onChunkFailed = (error: unknown): void => {
    this.#reading = false;
    if (this.#ended) return;
    this.#chunks = null;
    this.#fail(error instanceof Error ? error : new Error(String(error)));
  };

  /** At the end of a body that came in pieces. */
  #checkLength(): void {
    if (this.#declared >= 0 && this.#bodyBytes !== this.#declared) {
      this.#fail(new Error(`body of ${this.#bodyBytes} bytes, content-length ${this.#declared}`));
    }
  }

  /** Only bodies that came in pieces end here; the others send FIN with their last bytes. */
  #finish(): void {
    this.#send.finish();
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#frame?.close();
    this.#owner.onResponseEnd(this.#bodyBytes);
  }

  #fail(error: Error): void {
    this.abort(error);
    this.#owner.onResponseFailed(error, this.#started);
  }

  /** The rest can't or shall not be sent: lets go of the body. */
  abort(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#frame?.close();
    this.#source?.close();
    this.#chunks?.cancel(reason);
  }
}

/**
 * A source of the program's may throw in spite of its contract; the reserved buffer must be given
 * back all the same.
 */
function readSafely(
  source: BodySource,
  memory: Uint8Array,
  offset: number,
  capacity: number,
): number {
  try {
    return source.read(memory, offset, capacity);
  } catch {
    return -1;
  }
}
