/**
 * A connection without a transport: what an application protocol sees of one, with every fullness
 * under the test's hand.
 *
 * Received bytes lie at odd places of one slab among bytes of 0xEE, as they do in the real one, and
 * a lease that is read after its release reads 0xDD. `leases` counts those not released.
 */
import { CONNECTION_VIEW_SIZE } from "../../src/native/abi.gen.ts";
import type {
  CloseInfo,
  ConnectionSink,
  ConnectionStats,
  RequestId,
  SinkConnection,
  SocketAddress,
} from "../../src/transport/app.ts";
import type { Chunk, ChunkView } from "../../src/transport/chunk.ts";
import { ConnectionSnapshot } from "../../src/transport/connection_snapshot.ts";
import type {
  SendBuffer,
  SendStream,
  StreamSink,
  TransportStream,
} from "../../src/transport/stream.ts";

const RESERVE_MAX_BYTES = 16_384;
const SLAB_BYTES = 256 * 1024;
const UNTOUCHED = 0xee;
const RELEASED = 0xdd;

class FakeChunk implements Chunk {
  readonly #leases: { open: number };
  readonly #bytes: Uint8Array;
  #released = false;

  constructor(leases: { open: number }, bytes: Uint8Array) {
    this.#leases = leases;
    this.#bytes = bytes;
    leases.open++;
  }

  get length(): number {
    return this.#bytes.length;
  }
  bytes(): Uint8Array {
    return this.unsafeView().slice();
  }
  copyTo(target: Uint8Array, targetOffset = 0): number {
    target.set(this.unsafeView(), targetOffset);
    return this.length;
  }
  unsafeView(): Uint8Array {
    if (this.#released) throw new Error("chunk used after release");
    return this.#bytes;
  }
  slice(start: number, end = this.length): Chunk {
    return new FakeChunk(this.#leases, this.unsafeView().slice(start, end));
  }
  retain(): Chunk {
    return this.slice(0);
  }
  release(): void {
    if (this.#released) throw new Error("chunk released twice");
    this.#released = true;
    this.#bytes.fill(RELEASED);
    this.#leases.open--;
  }
}

class FakeView implements ChunkView {
  memory = new Uint8Array(0);
  offset = 0;
  length = 0;
  readonly #leases: { open: number };

  constructor(leases: { open: number }) {
    this.#leases = leases;
  }

  retain(start = 0, end = this.length): Chunk {
    if (start < 0 || end > this.length || start > end) throw new Error(`retain(${start}, ${end})`);
    const bytes = this.memory.slice(this.offset + start, this.offset + end);
    return new FakeChunk(this.#leases, bytes);
  }
}

export class FakeStream implements TransportStream, SendStream {
  readonly id: number;
  readonly bidirectional: boolean;
  readonly local: boolean;
  readonly early: boolean;
  sink: StreamSink | null = null;
  /** Everything committed, in order. */
  readonly sent: number[] = [];
  /** Length of each Write. */
  readonly writes: number[] = [];
  finSent = false;
  resetCode = -1;
  stopCode = -1;
  priority: { urgency: number; incremental: boolean } | null = null;
  credit: number;
  #reserved: { memory: Uint8Array; offset: number; capacity: number } | null = null;
  #fellShort = false;
  readonly #connection: FakeConnection;

  constructor(connection: FakeConnection, id: number, credit: number) {
    this.#connection = connection;
    this.id = id;
    this.bidirectional = (id & 2) === 0;
    this.local = (id & 1) === connection.localBit;
    this.early = !this.local && connection.early;
    this.credit = credit;
  }

  get send(): SendStream | null {
    return this.bidirectional || this.local ? this : null;
  }

  get fellShort(): boolean {
    return this.#fellShort;
  }

  get #open(): boolean {
    return !this.finSent && this.resetCode < 0;
  }

  tryWrite(bytes: Uint8Array, fin = false): number {
    if (!this.#open) return 0;
    const taken = this.#connection.full ? 0 : Math.min(bytes.length, this.credit);
    if (taken < bytes.length) this.#fellShort = true;
    this.#take(bytes.subarray(0, taken), fin && taken === bytes.length);
    return taken;
  }

  async write(bytes: Uint8Array | Chunk, fin = false): Promise<void> {
    const plain = bytes instanceof Uint8Array ? bytes : bytes.bytes();
    if (this.tryWrite(plain, fin) < plain.length) throw new Error("fake write() without credit");
  }

  tryWriteChunk(chunk: Chunk, fin = false): boolean {
    if (this.credit < chunk.length) return false;
    this.tryWrite(chunk.bytes(), fin);
    chunk.release();
    return true;
  }

  reserve(minimumBytes: number): SendBuffer | null {
    if (this.#reserved !== null) throw new Error("reserve within reserve");
    if (minimumBytes > RESERVE_MAX_BYTES) throw new Error(`reserve(${minimumBytes})`);
    if (!this.#open) return null;
    if (this.#connection.full || this.credit < Math.max(1, minimumBytes)) {
      this.#fellShort = true;
      return null;
    }
    const capacity = Math.min(RESERVE_MAX_BYTES, this.credit);
    this.#reserved = this.#connection.sendBuffer(capacity);
    return this.#reserved;
  }

  commit(length: number, fin: boolean): void {
    const reserved = this.#reserved;
    if (reserved === null) throw new Error("commit without reserve");
    if (length > reserved.capacity) throw new Error("commit beyond the reserved buffer");
    this.#reserved = null;
    const { memory, offset } = reserved;
    if (memory[offset + reserved.capacity] !== UNTOUCHED || memory[offset - 1] !== UNTOUCHED) {
      throw new Error("written outside the reserved buffer");
    }
    this.#take(memory.subarray(offset, offset + length), fin);
    memory.fill(UNTOUCHED, offset, offset + length);
  }

  cancel(): void {
    if (this.#reserved === null) throw new Error("cancel without reserve");
    const { memory, offset, capacity } = this.#reserved;
    memory.fill(UNTOUCHED, offset, offset + capacity);
    this.#reserved = null;
  }

  #take(bytes: Uint8Array, fin: boolean): void {
    if (this.finSent && (bytes.length > 0 || fin)) throw new Error("write after FIN");
    this.credit -= bytes.length;
    this.#connection.sentBytes += bytes.length;
    if (bytes.length > 0 || fin) this.writes.push(bytes.length);
    if (this.#connection.recording) for (const byte of bytes) this.sent.push(byte);
    if (fin) this.finSent = true;
  }

  finish(): void {
    if (this.#open) this.#take(new Uint8Array(0), true);
  }

  reset(errorCode: number): void {
    if (this.#open) this.resetCode = errorCode;
  }

  setPriority(urgency: number, incremental: boolean): void {
    this.priority = { urgency, incremental };
  }

  stop(errorCode: number): void {
    if (this.stopCode < 0) this.stopCode = errorCode;
  }

  /** Grants credit, and tells the sink if it waits for room. */
  grant(bytes: number): void {
    this.credit += bytes;
    this.writable();
  }

  writable(): void {
    if (!this.#fellShort) return;
    this.#fellShort = false;
    this.sink?.onWritable();
  }
}

export class FakeConnection implements SinkConnection {
  readonly connectionId = "00112233445566778899aabbccddeeff";
  readonly alpn = "h3";
  readonly serverName = "example.org";
  readonly peerAddress: SocketAddress = { family: 4, address: "192.0.2.7", port: 5555 };
  readonly localAddress: SocketAddress = { family: 4, address: "192.0.2.1", port: 4433 };
  readonly datagramMaxBytes = 0;
  /** The handshake is not complete: streams that begin now are early. */
  early = false;
  reliableReset = false;
  version = 1 as const;
  readonly streams = new Map<number, FakeStream>();
  readonly leases = { open: 0 };
  closed: { code: number; reason: string; whenDelivered?: true } | null = null;
  /** True: the ring takes nothing. */
  full = false;
  /** False: bytes sent are only counted. */
  recording = true;
  /** Credit of each new stream. */
  streamCredit = 1 << 20;
  /** False: openStream is refused. */
  uniAllowed = true;
  sentBytes = 0;
  /** The peer ended it: closing does nothing any more. */
  ended = false;
  sink: ConnectionSink | null = null;
  readonly #slab = new Uint8Array(SLAB_BYTES).fill(UNTOUCHED);
  readonly #sendSlab = new Uint8Array(2 * RESERVE_MAX_BYTES).fill(UNTOUCHED);
  readonly #view = new FakeView(this.leases);
  /** Lowest bit of the ids of streams that are opened here (RFC 9000 §2.1). */
  readonly localBit: 0 | 1;
  #nextUni: number;
  #nextBidi: number;

  constructor(role: "server" | "client" = "server") {
    this.localBit = role === "server" ? 1 : 0;
    this.#nextUni = 2 + this.localBit;
    this.#nextBidi = this.localBit;
  }

  get open(): boolean {
    return this.closed === null;
  }

  get leasesOpen(): number {
    return this.leases.open;
  }

  sendBuffer(capacity: number) {
    return { memory: this.#sendSlab, offset: 7, capacity };
  }

  /** Of a view in which nothing stands but these. */
  stats(): ConnectionStats {
    const empty = new ConnectionSnapshot(new Uint8Array(CONNECTION_VIEW_SIZE));
    return { ...empty.stats, roundTripUs: 100, sentBytes: this.sentBytes };
  }

  openBi(): RequestId {
    throw new Error("not in the fake");
  }
  openUni(): RequestId {
    throw new Error("not in the fake");
  }
  openBidirectional(): Promise<never> {
    throw new Error("not in the fake");
  }
  openUnidirectional(): Promise<never> {
    throw new Error("not in the fake");
  }
  sendDatagram(): "unsupported" {
    return "unsupported";
  }
  sendDatagramReported(): Promise<"unsupported"> {
    return Promise.resolve("unsupported");
  }

  /** Here everything has arrived as soon as it was written. */
  closeWhenDelivered(code: number, reason = ""): void {
    if (this.ended) return;
    this.closed ??= { code, reason, whenDelivered: true };
  }

  updateKeys(): void {}

  close(code: number, reason = ""): void {
    this.closed ??= { code, reason };
  }

  openStream(
    bidirectional: boolean,
    attach: (stream: TransportStream | null) => StreamSink | null,
  ): void {
    if (!this.uniAllowed) {
      attach(null);
      return;
    }
    const stream = new FakeStream(
      this,
      bidirectional ? this.#nextBidi : this.#nextUni,
      this.streamCredit,
    );
    if (bidirectional) this.#nextBidi += 4;
    else this.#nextUni += 4;
    this.streams.set(stream.id, stream);
    stream.sink = attach(stream);
  }

  /** The peer opens a stream. */
  peerStream(id: number): FakeStream {
    const stream = new FakeStream(this, id, this.streamCredit);
    this.streams.set(id, stream);
    stream.sink = this.sink!.onStream(stream);
    return stream;
  }

  /** Delivers bytes on a stream, borrowed for the call as the contract says. */
  deliver(stream: FakeStream, bytes: Uint8Array | readonly number[], fin: boolean): void {
    const offset = 13;
    const view = this.#view;
    this.#slab.set(bytes, offset);
    view.memory = this.#slab;
    view.offset = offset;
    view.length = bytes.length;
    stream.sink!.onData(view, fin);
    this.#slab.fill(UNTOUCHED, offset, offset + bytes.length);
  }

  /** The connection ends: every stream's sink first, then the connection's. */
  end(info: CloseInfo = { by: "peer", application: true, code: 0x100, reason: "" }): void {
    this.ended = true;
    for (const stream of this.streams.values()) stream.sink?.onConnectionClosed();
    this.sink!.onClosed(info);
  }

  /** The ring has room again. */
  drained(): void {
    this.full = false;
    for (const stream of this.streams.values()) stream.writable();
  }
}
