/**
 * One stream of a connection over the rings: its place in the worker's table, which of its sides
 * are still open, and the way of its events to the sink. Writing is native_send.ts.
 *
 * It leaves the tables when both sides have ended; later events for it are stale.
 */
import {
  COMMAND_PRIORITY,
  type COMMAND_RESET,
  COMMAND_STOP,
  type COMMAND_WRITE,
  type FLAG_FIN,
} from "../native/abi.gen.ts";
import { checkErrorCode, type ErrorCode } from "./error_code.ts";
import { logFailure, SINK_FAILED_CODE } from "./failure.ts";
import type { BorrowedChunk } from "./native_chunk.ts";
import type { NativeConnection } from "./native_connection.ts";
import { NativeSendStream } from "./native_send.ts";
import type { StreamSink, TransportStream } from "./stream.ts";

/** Until the application names its own, and after the end. */
export const IDLE_SINK: StreamSink = {
  onData() {},
  onReset() {},
  onStopped() {},
  onWritable() {},
  onConnectionClosed() {},
};

export class NativeStream implements TransportStream {
  sink: StreamSink = IDLE_SINK;
  readonly send: NativeSendStream | null;
  /** Neighbours in the connection's list of open streams. */
  before: NativeStream | null = null;
  after: NativeStream | null = null;
  #receiveOpen: boolean;

  constructor(
    readonly connection: NativeConnection,
    /** In the worker's stream table; may be another stream's later, hence the generation. */
    readonly slot: number,
    readonly generation: number,
    readonly id: number,
    readonly bidirectional: boolean,
    readonly local: boolean,
    readonly early = false,
  ) {
    this.send = bidirectional || local ? new NativeSendStream(this) : null;
    this.#receiveOpen = bidirectional || !local;
  }

  get receiveOpen(): boolean {
    return this.#receiveOpen;
  }

  stop(errorCode: ErrorCode): void {
    checkErrorCode(errorCode);
    if (!this.#receiveOpen) return;
    this.#receiveOpen = false;
    this.post(COMMAND_STOP, 0, errorCode);
    this.leaveIfDone();
  }

  /** A STREAM_DATA event; `chunk` is borrowed for the call. */
  deliver(chunk: BorrowedChunk, fin: boolean): void {
    if (!this.#receiveOpen) return;
    if (fin) this.#receiveOpen = false;
    try {
      this.sink.onData(chunk, fin);
    } catch (error) {
      this.#fail(error);
    }
    if (fin) this.leaveIfDone();
  }

  onPeerReset(errorCode: ErrorCode): void {
    if (!this.#receiveOpen) return;
    this.#receiveOpen = false;
    try {
      this.sink.onReset(errorCode);
    } catch (error) {
      this.#fail(error);
    }
    this.leaveIfDone();
  }

  onPeerStopped(errorCode: ErrorCode): void {
    if (this.send === null || !this.send.open) return;
    this.send.end("stopped", errorCode);
    try {
      this.sink.onStopped(errorCode);
    } catch (error) {
      this.#fail(error);
    }
    this.leaveIfDone();
  }

  /** From the stall list: ring or slab may have room again. */
  onRoom(): void {
    this.send?.leftStallList();
    this.onCredit();
  }

  /** A STREAM_WRITABLE event. Promised writes go first. */
  onCredit(): void {
    const { send } = this;
    if (send === null || !send.open || !send.pump()) return;
    try {
      this.sink.onWritable();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The connection ended first. Called once, by the connection, which has emptied its list. */
  onConnectionClosed(): void {
    this.#receiveOpen = false;
    this.send?.end("connection-closed", 0);
    const { sink } = this;
    this.sink = IDLE_SINK;
    try {
      sink.onConnectionClosed();
    } catch (error) {
      logFailure(`stream ${this.id} of connection ${this.connection.connectionId}`, error);
    }
  }

  /** A command about this stream that waits for ring room by itself. */
  post(
    kind: typeof COMMAND_RESET | typeof COMMAND_STOP | typeof COMMAND_WRITE,
    flags: 0 | typeof FLAG_FIN,
    errorCode: ErrorCode,
    reliableBytes = 0,
  ): void {
    const { connection, slot, generation } = this;
    if (!connection.open) return;
    connection.port.post({
      kind,
      connection: connection.slot,
      connectionGeneration: connection.generation,
      stream: slot,
      streamGeneration: generation,
      flags,
      errorCode,
      reliableBytes,
    });
  }

  /** RFC 9218 §4. A full ring drops it: priorities are hints. */
  postPriority(urgency: number, incremental: boolean): void {
    const { connection, slot, generation } = this;
    connection.port.tryPost({
      kind: COMMAND_PRIORITY,
      connection: connection.slot,
      connectionGeneration: connection.generation,
      stream: slot,
      streamGeneration: generation,
      flags: incremental ? 1 : 0,
      length: urgency,
    });
  }

  /** Both sides over: nothing of it is kept. */
  leaveIfDone(): void {
    if (this.#receiveOpen || this.send?.open) return;
    this.sink = IDLE_SINK;
    this.connection.forget(this);
  }

  /** A sink that throws loses its stream, not its connection (and never the process). */
  #fail(error: unknown): void {
    logFailure(`stream ${this.id} of connection ${this.connection.connectionId}`, error);
    this.sink = IDLE_SINK;
    this.stop(SINK_FAILED_CODE);
    this.send?.reset(SINK_FAILED_CODE);
  }
}
