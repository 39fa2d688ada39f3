/**
 * Runs `spawnApp` for one connection: a sink that turns calls into events and queues, and the end
 * of the task into the end of the connection.
 *
 * ConnectionClosing (the peer's close, a timeout, or a shutdown of the server) leaves the task a
 * grace period; then its abort signal fires and the connection is closed.
 */
import type {
  CloseInfo,
  ConnectionSink,
  QuicAppFactory,
  RequestId,
  TransportControls,
} from "./app.ts";
import type { ChunkView } from "./chunk.ts";
import type { ErrorCode } from "./error_code.ts";
import { EventQueue } from "./event_queue.ts";
import { logFailure, TRANSPORT_INTERNAL_ERROR } from "./failure.ts";
import type { NativeConnection } from "./native_connection.ts";
import { IDLE_SINK } from "./native_stream.ts";
import type { OpenRequest } from "./open_requests.ts";
import { ReceiveQueue, type StreamObserver } from "./receive_stream.ts";
import type { StreamSink, TransportStream } from "./stream.ts";

export const CLOSING_GRACE_MS = 30_000;

/** What a task is told when the server stops: the connection itself is still open. */
const STOPPING: CloseInfo = { by: "local", application: true, code: 0, reason: "stopping" };

export class AppTask implements ConnectionSink, StreamObserver {
  readonly #connection: NativeConnection;
  readonly #graceMs: number;
  readonly #events: EventQueue;
  readonly #shutdown = new AbortController();
  #graceTimer: ReturnType<typeof setTimeout> | null = null;
  /** Streams that still hold chunks, or may. */
  readonly #queues = new Set<ReceiveQueue>();
  #closingTold = false;
  #running = true;

  constructor(connection: NativeConnection, graceMs: number) {
    this.#connection = connection;
    this.#graceMs = graceMs;
    this.#events = new EventQueue({
      datagramDropped: () => {
        connection.droppedDatagrams++;
      },
      overfull: () => this.#overfull(),
    });
    connection.openAnswers = (id) => this.#openRequest(id);
    connection.datagramAnswers = (requestId, outcome) =>
      this.#events.push({ type: "DatagramOutcome", requestId, outcome });
    connection.streamObserver = this;
  }

  /** Starts the task. It first runs up to its first `await`, within the dispatcher's call. */
  start(factory: QuicAppFactory, controls: TransportControls): void {
    const connection = this.#connection;
    const { alpn } = connection;
    this.#events.push({
      type: "HandshakeCompleted",
      alpn,
      local: connection.localAddress,
      peer: connection.peerAddress,
      early: connection.early,
    });
    const { signal } = this.#shutdown;
    const run = async () => factory.spawnApp(alpn, connection, this.#events, controls, signal);
    run().then(
      () => this.#ended(),
      (error: unknown) => this.#failed(error),
    );
  }

  onStream(stream: TransportStream): StreamSink {
    if (!this.#running) return IDLE_SINK;
    const receive = this.#queue(stream);
    const { id, bidirectional, early, send } = stream;
    this.#events.push({ type: "NewStream", id, bidirectional, early, receive, send });
    return receive;
  }

  onDatagram(chunk: ChunkView): void {
    this.#events.push({ type: "Datagram", chunk: chunk.retain() });
  }

  onHandshakeDone(): void {
    this.#events.push({ type: "HandshakeConfirmed" });
  }

  onPathChanged(): void {
    const { localAddress, peerAddress } = this.#connection;
    this.#events.push({ type: "PathChanged", local: localAddress, peer: peerAddress });
  }

  onShutdown(): void {
    this.#closing(STOPPING);
  }

  onClosed(info: CloseInfo): void {
    this.#closing(info);
    this.#events.end();
  }

  onReset(id: number, code: ErrorCode): void {
    this.#events.push({ type: "StreamReset", id, code });
  }

  onStopped(id: number, code: ErrorCode): void {
    this.#events.push({ type: "StreamStopped", id, code });
  }

  onDrained(queue: ReceiveQueue): void {
    this.#queues.delete(queue);
  }

  #queue(stream: TransportStream): ReceiveQueue {
    const { connectionId, link } = this.#connection;
    const queue = new ReceiveQueue(stream, connectionId, link.streamChunks, this);
    this.#queues.add(queue);
    return queue;
  }

  #openRequest(requestId: RequestId): OpenRequest {
    return {
      opened: (stream) => {
        const queue = this.#queue(stream);
        const receive = stream.bidirectional ? queue : null;
        const { id, send } = stream;
        this.#events.push({ type: "StreamOpened", requestId, id, receive, send: send! });
        return queue;
      },
      refused: (reason) => this.#events.push({ type: "OpenRefused", requestId, reason }),
    };
  }

  #closing(info: CloseInfo): void {
    if (this.#closingTold) return;
    this.#closingTold = true;
    this.#events.push({ type: "ConnectionClosing", info });
    if (!this.#running) return;
    this.#graceTimer = setTimeout(() => this.#graceOver(), this.#graceMs);
    // What a task does keeps the process alive, not that it might be late.
    this.#graceTimer.unref();
  }

  /** RFC 9000 §10.2: a peer that makes events faster than they are read is let go. */
  #overfull(): void {
    const { connectionId } = this.#connection;
    logFailure(`connection ${connectionId}`, new Error("its task reads no events: closed"));
    this.#connection.close(TRANSPORT_INTERNAL_ERROR, "events are not read", false);
  }

  #graceOver(): void {
    this.#shutdown.abort(new Error("the connection closed and the grace period is over"));
    this.#connection.close(0);
    this.#events.end();
  }

  #ended(): void {
    this.#running = false;
    if (this.#graceTimer !== null) clearTimeout(this.#graceTimer);
    this.#events.abandon();
    this.#connection.close(0);
    // What nobody will read any more goes back to the worker.
    for (const queue of [...this.#queues]) queue.abandon();
  }

  #failed(error: unknown): void {
    // Being aborted is how a task ends after its grace: that is no failure.
    if (!this.#shutdown.signal.aborted || error !== this.#shutdown.signal.reason) {
      logFailure(`task of connection ${this.#connection.connectionId}`, error);
    }
    this.#connection.close(TRANSPORT_INTERNAL_ERROR, "application failed", false);
    this.#ended();
  }
}
