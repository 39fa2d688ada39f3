/**
 * The send side of a stream: bytes into slab buffers, one Write command per buffer, within the
 * credit that the worker publishes in shared memory. Arithmetic on credit is modulo 2^32.
 *
 * What may fall short, and who announces room: credit (a WRITABLE event, asked for with `want`),
 * the ring and the slab (the stall list). Any worker may send from any slab, so a received chunk
 * goes out as it is.
 */
import { assert } from "../assert.ts";
import {
  COMMAND_BUFFER_WORD,
  COMMAND_CONNECTION_GENERATION_WORD,
  COMMAND_CONNECTION_WORD,
  COMMAND_FLAGS_WORD,
  COMMAND_KIND_WORD,
  COMMAND_LENGTH_WORD,
  COMMAND_OFFSET_WORD,
  COMMAND_RESET,
  COMMAND_SLAB_WORD,
  COMMAND_STREAM_GENERATION_WORD,
  COMMAND_STREAM_WORD,
  COMMAND_WRITE,
  FLAG_FIN,
  LARGE_BUFFER_BYTES,
  NONE,
} from "../native/abi.gen.ts";
import type { Chunk } from "./chunk.ts";
import { copyBytes } from "./copy_bytes.ts";
import { addWritten, creditLeft } from "./credit.ts";
import { StreamError } from "./error.ts";
import { checkErrorCode, type ErrorCode } from "./error_code.ts";
import { NativeChunk } from "./native_chunk.ts";
import type { NativeStream } from "./native_stream.ts";
import type { SendBuffer, SendStream } from "./stream.ts";

/** "finished": our FIN is on its way. The others as in {@link StreamError}. */
type SendState = "open" | "finishing" | "finished" | "reset" | "stopped" | "connection-closed";

/** A promised write that did not fit yet. */
interface PendingWrite {
  bytes: Uint8Array | Chunk;
  offset: number;
  fin: boolean;
  resolve(): void;
  reject(error: StreamError): void;
}

const DONE = Promise.resolve();

/** The one reservation that a thread may hold. */
class Reservation implements SendBuffer {
  memory: Uint8Array = new Uint8Array(0);
  offset = 0;
  capacity = 0;
  buffer = NONE;
  owner: NativeSendStream | null = null;
}
const RESERVATION = new Reservation();

export class NativeSendStream implements SendStream {
  readonly id: number;
  readonly #stream: NativeStream;
  /** Bytes written so far, modulo 2^32. */
  #written = 0;
  #state: SendState = "open";
  #endCode: ErrorCode = 0;
  /** In the stall list already. */
  #stalled = false;
  #pending: PendingWrite[] | null = null;

  constructor(stream: NativeStream) {
    this.#stream = stream;
    this.id = stream.id;
  }

  /** False from our FIN, either side's reset or stop, or the connection's end on. */
  get open(): boolean {
    return this.#state === "open" || this.#state === "finishing";
  }

  get credit(): number {
    if (this.#state !== "open" || !this.#stream.connection.open) return 0;
    return this.#creditLeft();
  }

  tryWrite(bytes: Uint8Array, fin = false): number {
    if (!this.#writable()) return 0;
    if (bytes.length === 0) {
      if (fin) this.finish();
      return 0;
    }
    return this.#copyOut(bytes, 0, fin);
  }

  write(bytes: Uint8Array | Chunk, fin = false): Promise<void> {
    if (this.#state !== "open" || !this.#stream.connection.open) {
      return Promise.reject(this.#endedError());
    }
    const write: PendingWrite = { bytes, offset: 0, fin, resolve() {}, reject() {} };
    if (this.#pending === null && this.#advance(write)) return DONE;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    write.resolve = resolve;
    write.reject = reject;
    this.#pending ??= [];
    this.#pending.push(write);
    return promise;
  }

  tryWriteChunk(chunk: Chunk, fin = false): boolean {
    return this.#writable() && this.#sendChunk(chunk, fin);
  }

  reserve(minimumBytes: number): SendBuffer | null {
    assert(RESERVATION.owner === null, "reserve while another buffer is reserved");
    assert(minimumBytes >= 0 && minimumBytes <= LARGE_BUFFER_BYTES, "reserve of at most 16 KiB");
    if (!this.#writable()) return null;
    const wanted = Math.max(1, minimumBytes);
    if (!this.#hasCredit(wanted) || !this.#hasRingRoom()) return null;
    const { leases } = this.#stream.connection;
    const buffer = leases.takeWhole(wanted);
    if (buffer === NONE) {
      this.#stall("slab");
      return null;
    }
    RESERVATION.owner = this;
    RESERVATION.buffer = buffer;
    RESERVATION.memory = leases.own.memory;
    RESERVATION.offset = leases.own.offsetOf(buffer);
    RESERVATION.capacity = Math.min(leases.own.capacityOf(buffer), this.#creditLeft());
    return RESERVATION;
  }

  commit(length: number, fin: boolean): void {
    assert(RESERVATION.owner === this, "commit without reserve");
    assert(length >= 0 && length <= RESERVATION.capacity, "commit within the reserved capacity");
    const { buffer } = RESERVATION;
    const { leases, open } = this.#stream.connection;
    RESERVATION.owner = null;
    if (length > 0 && open && this.#state === "open") {
      this.#publish(leases.own.id, buffer, 0, length, fin);
      return;
    }
    leases.release(leases.own.id, buffer);
    if (fin) this.finish();
  }

  cancel(): void {
    assert(RESERVATION.owner === this, "cancel without reserve");
    const { leases } = this.#stream.connection;
    RESERVATION.owner = null;
    leases.release(leases.own.id, RESERVATION.buffer);
  }

  finish(): void {
    if (this.#state !== "open") return;
    if (this.#pending !== null) {
      this.#state = "finishing";
      return;
    }
    this.#stream.post(COMMAND_WRITE, FLAG_FIN, 0);
    this.#finished();
  }

  reset(errorCode: ErrorCode, reliableBytes = 0): void {
    checkErrorCode(errorCode);
    if (!Number.isSafeInteger(reliableBytes) || reliableBytes < 0) {
      throw new RangeError(`reliableBytes is ${reliableBytes}; it counts bytes from 0 on`);
    }
    if (!this.open) return;
    this.#stream.post(COMMAND_RESET, 0, errorCode, reliableBytes);
    this.end("reset", errorCode);
    this.#stream.leaveIfDone();
  }

  setPriority(urgency: number, incremental: boolean): void {
    if (this.open && this.#stream.connection.open) {
      this.#stream.postPriority(urgency, incremental);
    }
  }

  /** Nothing can be written any more; promised writes are rejected. */
  end(why: "reset" | "stopped" | "connection-closed", code: ErrorCode): void {
    if (!this.open) return;
    this.#state = why;
    this.#endCode = code;
    const pending = this.#pending;
    this.#pending = null;
    for (const write of pending ?? []) write.reject(this.#endedError());
  }

  /** The stall list let go of the stream. */
  leftStallList(): void {
    this.#stalled = false;
  }

  /** Goes on with promised writes. Returns true when none is left and the sink may write. */
  pump(): boolean {
    const pending = this.#pending;
    if (pending === null) return this.#state === "open";
    while (pending.length > 0 && this.open) {
      const write = pending[0]!;
      if (!this.#advance(write)) return false;
      pending.shift();
      write.resolve();
    }
    this.#pending = null;
    // Those promised behind a FIN.
    for (const write of pending) write.reject(this.#endedError());
    if (this.#state === "finishing") {
      this.#state = "open";
      this.finish();
    }
    return this.#state === "open";
  }

  /**
   * One step of a promised write; true when all of it was taken. Takes the chunk's lease with its
   * last byte.
   */
  #advance(write: PendingWrite): boolean {
    if (!(write.bytes instanceof Uint8Array)) return this.#sendChunk(write.bytes, write.fin);
    const { bytes } = write;
    if (bytes.length > 0) write.offset += this.#copyOut(bytes, write.offset, write.fin);
    else if (write.fin) this.#finishNow();
    return write.offset === bytes.length;
  }

  /**
   * Copies `bytes` from `start` on, buffer by buffer, until something runs short. Returns the bytes
   * taken.
   */
  #copyOut(bytes: Uint8Array, start: number, fin: boolean): number {
    const { leases } = this.#stream.connection;
    let taken = start;
    while (taken < bytes.length) {
      if (!this.#hasCredit(1) || !this.#hasRingRoom()) break;
      const wanted = Math.min(bytes.length - taken, this.#creditLeft(), LARGE_BUFFER_BYTES);
      const buffer = leases.take(wanted);
      if (buffer === NONE) {
        this.#stall("slab");
        break;
      }
      const count = Math.min(wanted, leases.own.capacityOf(buffer));
      copyBytes(leases.own.memory, leases.own.offsetOf(buffer), bytes, taken, count);
      taken += count;
      this.#publish(leases.own.id, buffer, 0, count, fin && taken === bytes.length);
    }
    return taken - start;
  }

  #sendChunk(chunk: Chunk, fin: boolean): boolean {
    assert(chunk instanceof NativeChunk, "a chunk of this transport");
    const { length } = chunk;
    if (length === 0) {
      chunk.release();
      if (fin) this.#finishNow();
      return true;
    }
    if (!this.#hasCredit(length) || !this.#hasRingRoom()) return false;
    const place = chunk.place();
    if (place.buffer === NONE) return this.#sendPrivate(chunk, place.memory, place.offset, fin);
    chunk.handOver();
    this.#publish(place.slab, place.buffer, place.offset, length, fin);
    return true;
  }

  /** A chunk under QUICD_DEBUG_LEASES lies in no slab: one copy into one buffer. */
  #sendPrivate(chunk: Chunk, memory: Uint8Array, offset: number, fin: boolean): boolean {
    const { leases } = this.#stream.connection;
    const buffer = leases.takeWhole(chunk.length);
    if (buffer === NONE) {
      this.#stall("slab");
      return false;
    }
    copyBytes(leases.own.memory, leases.own.offsetOf(buffer), memory, offset, chunk.length);
    const { length } = chunk;
    chunk.release();
    this.#publish(leases.own.id, buffer, 0, length, fin);
    return true;
  }

  /**
   * One Write of a buffer whose lease goes to the worker. Room was checked; if it went, the command
   * waits.
   */
  #publish(slab: number, buffer: number, offset: number, length: number, fin: boolean): void {
    const { connection, slot, generation } = this.#stream;
    const { port } = connection;
    const flags = fin ? FLAG_FIN : 0;
    const entry = port.reserve();
    this.#written = addWritten(this.#written, length);
    if (entry < 0) {
      port.post({
        kind: COMMAND_WRITE,
        connection: connection.slot,
        connectionGeneration: connection.generation,
        stream: slot,
        streamGeneration: generation,
        flags,
        slab,
        buffer,
        offset,
        length,
      });
    } else {
      const { words } = port;
      words[entry + COMMAND_KIND_WORD] = COMMAND_WRITE;
      words[entry + COMMAND_CONNECTION_WORD] = connection.slot;
      words[entry + COMMAND_CONNECTION_GENERATION_WORD] = connection.generation;
      words[entry + COMMAND_STREAM_WORD] = slot;
      words[entry + COMMAND_STREAM_GENERATION_WORD] = generation;
      words[entry + COMMAND_FLAGS_WORD] = flags;
      words[entry + COMMAND_SLAB_WORD] = slab;
      words[entry + COMMAND_BUFFER_WORD] = buffer;
      words[entry + COMMAND_OFFSET_WORD] = offset;
      words[entry + COMMAND_LENGTH_WORD] = length;
      port.commit();
    }
    if (fin) this.#finished();
  }

  #finished(): void {
    this.#state = "finished";
    this.#stream.leaveIfDone();
  }

  /** The FIN of a promised write: what follows it in the queue is rejected later as closed. */
  #finishNow(): void {
    this.#stream.post(COMMAND_WRITE, FLAG_FIN, 0);
    this.#finished();
  }

  /** Nothing written now could overtake a promised write. */
  #writable(): boolean {
    return this.#state === "open" && this.#pending === null && this.#stream.connection.open;
  }

  #creditLeft(): number {
    const { connection, slot } = this.#stream;
    return creditLeft(connection.memory.creditLimit(slot), this.#written);
  }

  /** Else a WRITABLE event is on its way. */
  #hasCredit(bytes: number): boolean {
    const { connection, slot } = this.#stream;
    for (;;) {
      const limit = connection.memory.creditLimit(slot);
      if (creditLeft(limit, this.#written) >= bytes) return true;
      // It may have moved since we looked: then no event comes, and we look again.
      if (!connection.wantCredit(slot, limit)) return false;
    }
  }

  #hasRingRoom(): boolean {
    if (this.#stream.connection.port.reserve() >= 0) return true;
    this.#stall("ring");
    return false;
  }

  #stall(cause: "ring" | "slab"): void {
    if (this.#stalled) return;
    this.#stalled = true;
    this.#stream.connection.stalls.add(this.#stream, cause);
  }

  #endedError(): StreamError {
    const state = this.#state;
    if (state === "reset" || state === "stopped") {
      return new StreamError(state, this.#endCode, this.id);
    }
    const closed = state === "connection-closed" || !this.#stream.connection.open;
    return new StreamError(closed ? "connection-closed" : "closed", 0, this.id);
  }
}
