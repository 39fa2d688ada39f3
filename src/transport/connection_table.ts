/**
 * The connections and streams of one worker on this app thread, by slot, and the calls into their
 * sinks. A sink that throws loses its connection.
 */
import { assert } from "../assert.ts";
import { REFUSED_CLOSED } from "../native/abi.gen.ts";
import type { CloseInfo, ConnectionSink, QuicAppFactory } from "./app.ts";
import { AppTask } from "./app_task.ts";
import { ClientConnection } from "./client_connection.ts";
import { ConnectQueue } from "./connect_queue.ts";
import { ConnectionSnapshot } from "./connection_snapshot.ts";
import { logFailure, TRANSPORT_INTERNAL_ERROR } from "./failure.ts";
import type { BorrowedChunk } from "./native_chunk.ts";
import { NativeConnection } from "./native_connection.ts";
import type { NativeStream } from "./native_stream.ts";
import type { AppRegistry } from "./registry.ts";
import type { WorkerLink } from "./worker_link.ts";

export interface AppSettings {
  registry: AppRegistry;
  /** As configured natively: a connection's view names its ALPN by index. */
  alpns: readonly string[];
  closingGraceMs: number;
}

const ABANDONED: CloseInfo = { by: "local", application: true, code: 0, reason: "stopped" };

export class ConnectionTable {
  readonly worker: number;
  /** Connects that the worker has not answered. */
  readonly connects: ConnectQueue;
  readonly #link: WorkerLink;
  readonly #app: AppSettings;
  readonly #connections: (NativeConnection | null)[];
  readonly #streams: (NativeStream | null)[];
  /** Connections whose CLOSED has not come. */
  live = 0;

  constructor(link: WorkerLink, app: AppSettings) {
    this.worker = link.memory.index;
    this.#link = link;
    this.#app = app;
    this.connects = new ConnectQueue(link);
    this.#connections = new Array<NativeConnection | null>(link.memory.connectionCapacity).fill(
      null,
    );
    this.#streams = new Array<NativeStream | null>(link.memory.streamCapacity).fill(null);
  }

  /** Null: stale. */
  connection(slot: number, generation: number): NativeConnection | null {
    const connection = this.#connections[slot]!;
    return connection !== null && connection.generation === generation ? connection : null;
  }

  /** Null: stale. */
  stream(slot: number, generation: number): NativeStream | null {
    const stream = this.#streams[slot]!;
    return stream !== null && stream.generation === generation ? stream : null;
  }

  forEach(visit: (connection: NativeConnection) => void): void {
    if (this.live === 0) return;
    for (const connection of this.#connections) if (connection !== null) visit(connection);
  }

  /** CONNECT_STARTED. Null for a request that nobody waits for. */
  started(slot: number, generation: number, requestId: number): ClientConnection | null {
    const request = this.connects.take(requestId);
    if (request === undefined) return null;
    assert(this.#connections[slot] === null, "CONNECT_STARTED on a slot in use");
    const bytes = this.#link.memory.copyConnection(slot);
    const snapshot = new ConnectionSnapshot(bytes);
    // The slot is another's already: CLOSED is on its way, and nothing is known of this one.
    if (snapshot.generation !== generation) bytes.fill(0);
    const forget = this.#forgetStream;
    const link = this.#link;
    const connection = new ClientConnection(link, slot, generation, snapshot, forget, request);
    this.#connections[slot] = connection;
    this.live++;
    request.observer.started(connection);
    return connection;
  }

  /**
   * CONNECTED. Null when the slot already belongs to another: all else of this one is stale as
   * well.
   */
  connected(slot: number, generation: number, early: boolean): NativeConnection | null {
    const known = this.connection(slot, generation);
    if (known !== null) return this.#clientConnected(known, early);
    const snapshot = new ConnectionSnapshot(this.#link.memory.copyConnection(slot));
    if (snapshot.generation !== generation) return null;
    assert(this.#connections[slot] === null, "CONNECTED on a slot in use");
    const alpn = this.#app.alpns[snapshot.alpn]!;
    const connection = new NativeConnection(
      this.#link,
      slot,
      generation,
      alpn,
      snapshot,
      this.#forgetStream,
      early ? "Early" : "Established",
    );
    this.#connections[slot] = connection;
    this.live++;
    this.#attach(connection, this.#registered(alpn));
    return connection;
  }

  #clientConnected(connection: NativeConnection, early: boolean): NativeConnection | null {
    assert(connection instanceof ClientConnection, "CONNECTED on a slot in use");
    connection.takeSnapshot(this.#snapshot(connection));
    if (!connection.open || !connection.connected(early)) return null;
    const { factory, observer } = connection.request;
    this.#attach(connection, factory);
    this.guard(connection, "connect", () => observer.connected(connection));
    return connection;
  }

  handshakeDone(connection: NativeConnection, earlyAccepted: boolean): void {
    connection.takeSnapshot(this.#snapshot(connection));
    connection.handshakeDone(earlyAccepted);
    if (!connection.open) return;
    this.guard(connection, "onHandshakeDone", () => connection.sink.onHandshakeDone?.());
  }

  /** A new stream of a connection takes its slot. */
  adopt(stream: NativeStream): void {
    const last = this.#streams[stream.slot];
    // Ours outlived the worker's: an end that we had not seen, and no longer will.
    if (last !== null && last !== undefined) last.connection.forget(last);
    this.#streams[stream.slot] = stream;
    stream.connection.adopt(stream);
  }

  tellStream(connection: NativeConnection, stream: NativeStream): void {
    try {
      stream.sink = connection.sink.onStream(stream);
    } catch (error) {
      this.#fail(connection, "onStream", error);
    }
  }

  tellDatagram(connection: NativeConnection, chunk: BorrowedChunk): void {
    if (!connection.open) return;
    try {
      connection.sink.onDatagram(chunk);
    } catch (error) {
      this.#fail(connection, "onDatagram", error);
    }
  }

  tellShutdown(connection: NativeConnection): void {
    if (connection.open) this.guard(connection, "onShutdown", () => connection.sink.onShutdown());
  }

  shutDown(): void {
    this.forEach((connection) => this.tellShutdown(connection));
  }

  pathChanged(connection: NativeConnection): void {
    connection.takeSnapshot(this.#snapshot(connection));
    this.guard(connection, "onPathChanged", () => connection.sink.onPathChanged?.());
  }

  /** CLOSING: streams first, then requests, then the connection itself. */
  closing(connection: NativeConnection): void {
    if (connection.state === "Draining") return;
    connection.advance("close");
    this.#end(connection);
  }

  /** This thread leaves the engine: as CLOSING, for all, with no word from the worker. */
  abandon(): void {
    this.forEach((connection) => {
      if (connection.state === "Draining") return;
      connection.advance("close");
      this.#end(connection, ABANDONED);
    });
    for (const { observer } of this.connects.takeAll()) observer.refused(REFUSED_CLOSED, 0);
  }

  /** CLOSED: the slot is free. */
  closed(connection: NativeConnection): void {
    const told = connection.state === "Draining";
    connection.advance("end");
    this.#connections[connection.slot] = null;
    this.live--;
    if (!told) this.#end(connection);
  }

  /** Calls into the application; what it throws closes the connection. */
  guard(connection: NativeConnection, where: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#fail(connection, where, error);
    }
  }

  #end(connection: NativeConnection, why?: CloseInfo): void {
    connection.open = false;
    connection.takeSnapshot(this.#snapshot(connection));
    for (const stream of connection.takeStreams()) stream.onConnectionClosed();
    for (const request of connection.requests.takeAll()) {
      this.guard(connection, "openStream", () => request.refused("closed"));
    }
    connection.reports.closeAll();
    const info = why ?? connection.snapshot.closeInfo;
    this.guard(connection, "onClosed", () => connection.sink.onClosed(info));
    connection.ended(info);
  }

  #registered(alpn: string): QuicAppFactory {
    const factory = this.#app.registry.factory(alpn);
    assert(factory !== undefined, `ALPN "${alpn}" was offered and is not registered`);
    return factory;
  }

  #attach(connection: NativeConnection, factory: QuicAppFactory): void {
    this.guard(connection, "attach", () => {
      connection.sink = this.#makeSink(connection, factory);
    });
  }

  #makeSink(connection: NativeConnection, factory: QuicAppFactory): ConnectionSink {
    if (factory.attach !== undefined) return factory.attach(connection, connection);
    const task = new AppTask(connection, this.#app.closingGraceMs);
    task.start(factory, connection);
    return task;
  }

  #snapshot(connection: NativeConnection): ConnectionSnapshot {
    return new ConnectionSnapshot(this.#link.memory.copyConnection(connection.slot));
  }

  readonly #forgetStream = (stream: NativeStream): void => {
    if (this.#streams[stream.slot] === stream) this.#streams[stream.slot] = null;
  };

  #fail(connection: NativeConnection, where: string, error: unknown): void {
    logFailure(`connection ${connection.connectionId}, ${where}`, error);
    connection.close(TRANSPORT_INTERNAL_ERROR, "application failed", false);
  }
}
