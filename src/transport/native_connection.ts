/**
 * One connection over the rings, as applications see it ({@link SinkConnection}). The dispatcher
 * brings its events to its sink; commands go straight into the worker's ring.
 */

import { assert } from "../assert.ts";
import {
  CLOSE_APPLICATION,
  CLOSE_DRAINED,
  COMMAND_CLOSE,
  COMMAND_DATAGRAM,
  COMMAND_KEEP_ALIVE,
  COMMAND_OPEN,
  COMMAND_QLOG,
  COMMAND_REFRESH,
  COMMAND_UPDATE_KEYS,
  CONNECTION_RESETS_AT,
  CONNECTION_VERSION_2,
  CONNECTION_VIEW_DATAGRAM_MAX_BYTES_WORD,
  CONNECTION_VIEW_GENERATION_WORD,
  CONNECTION_VIEW_REASON_LENGTH,
  FLAG_ANSWER,
  FLAG_UNIDIRECTIONAL,
  NONE,
} from "../native/abi.gen.ts";
import type { WorkerMemory } from "../native/worker.ts";
import type {
  CloseInfo,
  ConnectionSink,
  ConnectionStats,
  DatagramOutcome,
  RequestId,
  SinkConnection,
  SocketAddress,
  TransportControls,
} from "./app.ts";
import type { ChunkView } from "./chunk.ts";
import type { CommandPort } from "./command_port.ts";
import { ConnectionSnapshot } from "./connection_snapshot.ts";
import { copyBytes } from "./copy_bytes.ts";
import { DatagramReports } from "./datagram_reports.ts";
import { ConnectionError } from "./error.ts";
import { checkErrorCode, type ErrorCode } from "./error_code.ts";
import type { Leases } from "./leases.ts";
import { type ConnectionInput, type ConnectionState, nextState } from "./lifecycle.ts";
import { BorrowedChunk } from "./native_chunk.ts";
import { IDLE_SINK, type NativeStream } from "./native_stream.ts";
import { type OpenRequest, OpenRequests } from "./open_requests.ts";
import { ReceiveQueue, type StreamObserver } from "./receive_stream.ts";
import type { StallList } from "./stall_list.ts";
import type { ReceiveStream, SendStream, StreamSink, TransportStream } from "./stream.ts";
import type { WorkerLink } from "./worker_link.ts";

const IDLE_CONNECTION_SINK: ConnectionSink = {
  onStream: () => IDLE_SINK,
  onDatagram() {},
  onShutdown() {},
  onClosed() {},
};

export class NativeConnection implements SinkConnection, TransportControls {
  readonly link: WorkerLink;
  readonly memory: WorkerMemory;
  readonly port: CommandPort;
  readonly leases: Leases;
  readonly stalls: StallList;
  /** A client learns it with CONNECTED. */
  alpn: string;
  /**
   * Set once, before the first event; the idle one stays when the application failed to make its
   * own.
   */
  sink: ConnectionSink = IDLE_CONNECTION_SINK;
  /** Of the queues that `openBidirectional` makes. */
  streamObserver: StreamObserver | null = null;
  /** Answers `openBi` and `openUni`: an application that reads events has one, a sink has none. */
  openAnswers: ((id: RequestId) => OpenRequest) | null = null;
  /** Answers `sendDatagram` with `report`, as `openAnswers` does. */
  datagramAnswers: ((id: RequestId, outcome: DatagramOutcome) => void) | null = null;
  readonly requests = new OpenRequests();
  readonly reports = new DatagramReports();
  /** Received ones that a slow task lost on this side of the ring. */
  droppedDatagrams = 0;
  /** True until CLOSING, or our own close. Plain, as it is read with every write. */
  open = true;
  firstStream: NativeStream | null = null;
  #state: ConnectionState;
  #snapshot: ConnectionSnapshot;
  /** `ageMs` of the numbers that were the newest when news were asked for. */
  #refreshAskedAtMs = -1;
  readonly #forgetStream: (stream: NativeStream) => void;

  constructor(
    link: WorkerLink,
    /** In the worker's connection table. */
    readonly slot: number,
    readonly generation: number,
    alpn: string,
    snapshot: ConnectionSnapshot,
    forgetStream: (stream: NativeStream) => void,
    state: ConnectionState = "Established",
  ) {
    this.link = link;
    this.memory = link.memory;
    this.port = link.port;
    this.leases = link.leases;
    this.stalls = link.stalls;
    this.alpn = alpn;
    this.#snapshot = snapshot;
    this.#forgetStream = forgetStream;
    this.#state = state;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get early(): boolean {
    return this.#state === "Early";
  }

  get reliableReset(): boolean {
    return (this.#snapshot.flags & CONNECTION_RESETS_AT) !== 0;
  }

  get version(): 1 | 2 {
    return (this.#snapshot.flags & CONNECTION_VERSION_2) !== 0 ? 2 : 1;
  }

  get connectionId(): string {
    return this.#snapshot.connectionId;
  }

  get serverName(): string {
    return this.#snapshot.serverName;
  }

  get peerAddress(): SocketAddress {
    return this.#snapshot.peerAddress;
  }

  get localAddress(): SocketAddress {
    return this.#snapshot.localAddress;
  }

  get snapshot(): ConnectionSnapshot {
    return this.#snapshot;
  }

  /**
   * Why it ended stands here after CLOSING; addresses after PATH_CHANGED. Keeps the old one when
   * the slot is reused.
   */
  takeSnapshot(snapshot: ConnectionSnapshot): void {
    if (snapshot.generation === this.generation) this.#snapshot = snapshot;
  }

  stats(): ConnectionStats {
    const { stats } = this.#snapshotNow();
    stats.droppedDatagrams += this.droppedDatagrams;
    /* For the next call, once for each news; a full ring is a reason to have none. */
    if (this.open && stats.ageMs !== this.#refreshAskedAtMs && this.port.reserve() >= 0) {
      this.#refreshAskedAtMs = stats.ageMs;
      this.port.post({
        kind: COMMAND_REFRESH,
        connection: this.slot,
        connectionGeneration: this.generation,
      });
    }
    return stats;
  }

  get datagramMaxBytes(): number {
    if (!this.open) return 0;
    return this.memory.connectionWord(this.slot, CONNECTION_VIEW_DATAGRAM_MAX_BYTES_WORD);
  }

  advance(input: ConnectionInput): void {
    this.#state = nextState(this.#state, input);
  }

  /** The request that an answer to OPEN belongs to; undefined for an id that nobody waits for. */
  takeOpen(requestId: number): OpenRequest | undefined {
    return this.requests.take(requestId);
  }

  /** HANDSHAKE_DONE: what began as 0-RTT is complete. Others, and late ones, change nothing. */
  handshakeDone(_earlyAccepted: boolean): void {
    if (this.#state !== "Early") return;
    this.advance("established");
  }

  /** The end, after the sink was told. */
  ended(_info: CloseInfo): void {}

  wantCredit(stream: number, seen: number): boolean {
    return this.link.wantCredit(stream, seen);
  }

  openBi(): RequestId | "channel-full" {
    return this.#tryOpen(0);
  }

  openUni(): RequestId | "channel-full" {
    return this.#tryOpen(FLAG_UNIDIRECTIONAL);
  }

  openBidirectional(): Promise<{ send: SendStream; receive: ReceiveStream }> {
    return this.#openPromise(true, (stream, receive) => ({ send: stream.send!, receive }));
  }

  openUnidirectional(): Promise<SendStream> {
    return this.#openPromise(false, (stream) => stream.send!);
  }

  openStream(
    bidirectional: boolean,
    attach: (stream: TransportStream | null) => StreamSink | null,
  ): void {
    this.#request(bidirectional, { opened: attach, refused: () => void attach(null) });
  }

  sendDatagram(
    bytes: Uint8Array | ChunkView,
    options?: { report?: boolean },
  ): RequestId | "channel-full" | "too-large" | "unsupported" {
    if (options?.report !== true) return this.#sendDatagram(bytes, null);
    const { datagramAnswers } = this;
    assert(datagramAnswers !== null, "reports come as events: a sink calls sendDatagramReported");
    return this.#sendDatagram(bytes, datagramAnswers);
  }

  async sendDatagramReported(bytes: Uint8Array | ChunkView): Promise<DatagramOutcome> {
    if (!this.open) return "closed";
    const { promise, resolve } = Promise.withResolvers<DatagramOutcome>();
    const sent = this.#sendDatagram(bytes, (_id, outcome) => resolve(outcome));
    if (typeof sent === "number") return promise;
    return sent === "channel-full" ? "dropped" : sent;
  }

  #sendDatagram(
    bytes: Uint8Array | ChunkView,
    report: ((id: RequestId, outcome: DatagramOutcome) => void) | null,
  ): RequestId | "channel-full" | "too-large" | "unsupported" {
    const limit = this.datagramMaxBytes;
    if (limit === 0) return "unsupported";
    if (bytes.length > limit) return "too-large";
    if (this.port.reserve() < 0) return "channel-full";
    const place = this.#placeDatagram(bytes);
    if (place === null) return "channel-full";
    const requestId = this.requests.nextId();
    if (report !== null) this.reports.add(requestId, report);
    this.port.post({
      kind: COMMAND_DATAGRAM,
      connection: this.slot,
      connectionGeneration: this.generation,
      flags: report === null ? 0 : FLAG_ANSWER,
      slab: place.slab,
      buffer: place.buffer,
      offset: place.offset,
      length: bytes.length,
      requestId,
    });
    return requestId;
  }

  close(code: ErrorCode, reason = "", application = true): void {
    this.#close(code, reason, application ? CLOSE_APPLICATION : 0);
  }

  closeWhenDelivered(code: ErrorCode, reason = ""): void {
    this.#close(code, reason, CLOSE_APPLICATION | CLOSE_DRAINED);
  }

  #close(code: ErrorCode, reason: string, flags: number): void {
    checkErrorCode(code);
    if (!this.open) return;
    this.open = false;
    const bytes = new TextEncoder().encode(reason).subarray(0, CONNECTION_VIEW_REASON_LENGTH);
    // A reason is a courtesy: without a buffer for it the close goes without.
    const buffer = bytes.length === 0 ? NONE : this.leases.takeWhole(bytes.length);
    const length = buffer === NONE ? 0 : bytes.length;
    const { own } = this.leases;
    if (length > 0) copyBytes(own.memory, own.offsetOf(buffer), bytes, 0, length);
    this.port.post({
      kind: COMMAND_CLOSE,
      connection: this.slot,
      connectionGeneration: this.generation,
      flags,
      slab: own.id,
      buffer,
      length,
      errorCode: code,
    });
  }

  setKeepAlive(intervalMs: number): void {
    if (!this.open) return;
    this.port.post({
      kind: COMMAND_KEEP_ALIVE,
      connection: this.slot,
      connectionGeneration: this.generation,
      length: intervalMs,
    });
  }

  updateKeys(): void {
    if (!this.open) return;
    this.port.post({
      kind: COMMAND_UPDATE_KEYS,
      connection: this.slot,
      connectionGeneration: this.generation,
    });
  }

  setQlog(on: boolean): void {
    if (!this.open) return;
    this.port.post({
      kind: COMMAND_QLOG,
      connection: this.slot,
      connectionGeneration: this.generation,
      flags: on ? 1 : 0,
    });
  }

  /** A stream of this connection began. */
  adopt(stream: NativeStream): void {
    const { firstStream } = this;
    stream.after = firstStream;
    if (firstStream !== null) firstStream.before = stream;
    this.firstStream = stream;
  }

  /** A stream has ended on both sides. Twice is harmless. */
  forget(stream: NativeStream): void {
    const { before, after } = stream;
    if (before !== null) before.after = after;
    else if (this.firstStream === stream) this.firstStream = after;
    else return;
    if (after !== null) after.before = before;
    stream.before = null;
    stream.after = null;
    this.#forgetStream(stream);
  }

  /** Open streams, newest first; the connection has none after it. */
  takeStreams(): NativeStream[] {
    const streams: NativeStream[] = [];
    while (this.firstStream !== null) {
      const stream = this.firstStream;
      streams.push(stream);
      this.forget(stream);
    }
    return streams;
  }

  #placeDatagram(
    bytes: Uint8Array | ChunkView,
  ): { slab: number; buffer: number; offset: number } | null {
    const lent = bytes instanceof BorrowedChunk ? bytes.lend() : null;
    if (lent !== null) return lent;
    const { own } = this.leases;
    const buffer = this.leases.takeWhole(bytes.length);
    if (buffer === NONE) return null;
    const whole = bytes instanceof Uint8Array;
    const source = whole ? bytes : bytes.memory;
    copyBytes(own.memory, own.offsetOf(buffer), source, whole ? 0 : bytes.offset, bytes.length);
    return { slab: own.id, buffer, offset: 0 };
  }

  #tryOpen(flags: number): RequestId | "channel-full" {
    const { openAnswers } = this;
    assert(openAnswers !== null, "openBi and openUni answer by event: a sink calls openStream");
    if (this.port.reserve() < 0) return "channel-full";
    const id = this.requests.nextId();
    const request = openAnswers(id);
    this.#postOpen(id, flags, request);
    return id;
  }

  #request(bidirectional: boolean, request: OpenRequest): void {
    this.#postOpen(this.requests.nextId(), bidirectional ? 0 : FLAG_UNIDIRECTIONAL, request);
  }

  #postOpen(requestId: number, flags: number, request: OpenRequest): void {
    if (!this.open) {
      queueMicrotask(() => request.refused("closed"));
      return;
    }
    this.requests.add(requestId, request);
    this.port.post({
      kind: COMMAND_OPEN,
      connection: this.slot,
      connectionGeneration: this.generation,
      flags,
      requestId,
    });
  }

  #openPromise<Result>(
    bidirectional: boolean,
    pick: (stream: TransportStream, receive: ReceiveQueue) => Result,
  ): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#request(bidirectional, {
      opened: (stream) => {
        const { connectionId, link, streamObserver } = this;
        const receive = new ReceiveQueue(stream, connectionId, link.streamChunks, streamObserver);
        resolve(pick(stream, receive));
        return receive;
      },
      refused: (reason) => reject(new ConnectionError(`no stream was opened: ${reason}`)),
    });
    return promise;
  }

  #snapshotNow(): ConnectionSnapshot {
    const { memory, slot, generation } = this;
    if (memory.connectionWord(slot, CONNECTION_VIEW_GENERATION_WORD) === generation) {
      this.takeSnapshot(new ConnectionSnapshot(memory.copyConnection(slot)));
    }
    return this.#snapshot;
  }
}
