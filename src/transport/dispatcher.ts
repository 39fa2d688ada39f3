/**
 * Brings events to connections and streams, on one app thread.
 *
 * Connections and streams stand in arrays by [worker][slot], as the worker numbers them. Slots are
 * used again, so each event carries a generation: one that does not match is stale and ignored, but
 * the lease on its buffer is given back. Calls into applications never nest and never let an
 * exception through.
 */
import {
  APP_VIEW_SIGNALS_WORD,
  APP_VIEW_STOPPING_WORD,
  EVENT_BUFFER_WORD,
  EVENT_CLOSED,
  EVENT_CLOSING,
  EVENT_CONNECT_REFUSED,
  EVENT_CONNECT_STARTED,
  EVENT_CONNECTED,
  EVENT_CONNECTION_GENERATION_WORD,
  EVENT_CONNECTION_WORD,
  EVENT_DATAGRAM,
  EVENT_DATAGRAM_OUTCOME,
  EVENT_ERROR_CODE_WORD,
  EVENT_FLAGS_WORD,
  EVENT_HANDSHAKE_DONE,
  EVENT_KIND_WORD,
  EVENT_LENGTH_WORD,
  EVENT_MIGRATE_OUTCOME,
  EVENT_OPEN_REFUSED,
  EVENT_PATH_CHANGED,
  EVENT_REQUEST_ID_WORD,
  EVENT_SESSION,
  EVENT_STREAM_DATA,
  EVENT_STREAM_GENERATION_WORD,
  EVENT_STREAM_ID_WORD,
  EVENT_STREAM_OPENED,
  EVENT_STREAM_RESET,
  EVENT_STREAM_STOPPED,
  EVENT_STREAM_WORD,
  EVENT_STREAM_WRITABLE,
  FLAG_EARLY,
  FLAG_FIN,
  FLAG_OPENED,
  FLAG_UNIDIRECTIONAL,
  NONE,
  REFUSED_LIMIT,
} from "../native/abi.gen.ts";
import type { Attachment } from "../native/attachment.ts";
import { type EventConsumer, Wakeup } from "../native/wakeup.ts";
import { CLOSING_GRACE_MS } from "./app_task.ts";
import { ClientConnection } from "./client_connection.ts";
import { CommandPort } from "./command_port.ts";
import type { ConnectRequest } from "./connect_request.ts";
import { ConnectionTable } from "./connection_table.ts";
import { type ErrorCode, errorCodeOf } from "./error_code.ts";
import { Leases } from "./leases.ts";
import { BorrowedChunk } from "./native_chunk.ts";
import type { NativeConnection } from "./native_connection.ts";
import { NativeStream } from "./native_stream.ts";
import { attachOpened } from "./open_requests.ts";
import type { AppRegistry } from "./registry.ts";
import { StallList } from "./stall_list.ts";
import { WorkerLink } from "./worker_link.ts";

const TWO_TO_32 = 2 ** 32;

export interface DispatcherOptions {
  registry: AppRegistry;
  /** Chunks of one stream that may be unreleased before the worker stops reading it. */
  streamChunks: number;
  /** What a task has left after ConnectionClosing. */
  closingGraceMs?: number;
  /** QUICD_DEBUG_LEASES. */
  poison?: boolean;
  /** The first signal, or a stop of the engine, was seen; called once. */
  onStopRequested?(signals: number): void;
}

export class Dispatcher implements EventConsumer {
  readonly #appView: Uint32Array;
  readonly #leases: Leases;
  readonly #ports: readonly CommandPort[];
  readonly #tables: readonly ConnectionTable[];
  readonly #stalls: StallList;
  readonly #borrowed: BorrowedChunk;
  readonly #wakeup: Wakeup;
  readonly #onStopRequested: ((signals: number) => void) | null;
  #stopSeen = false;
  #shuttingDown = false;
  #idleWaiters: (() => void)[] = [];

  constructor(attachment: Attachment, options: DispatcherOptions) {
    const { calls, handle, eventRings, commandRings, workers } = attachment;
    this.#appView = attachment.appView;
    this.#leases = new Leases(attachment, options.poison ?? false);
    this.#borrowed = new BorrowedChunk(this.#leases);
    this.#wakeup = new Wakeup(calls, handle, eventRings, this);
    this.#stalls = new StallList(() => this.#wakeup.turnSoon());
    this.#ports = commandRings.map((ring, worker) => new CommandPort(worker, ring, this.#wakeup));
    this.#onStopRequested = options.onStopRequested ?? null;
    const app = {
      registry: options.registry,
      alpns: options.registry.alpns,
      closingGraceMs: options.closingGraceMs ?? CLOSING_GRACE_MS,
    };
    this.#tables = workers.map((memory, worker) => {
      const port = this.#ports[worker]!;
      const link = new WorkerLink(
        calls,
        handle,
        memory,
        port,
        this.#leases,
        this.#stalls,
        options.streamChunks,
      );
      return new ConnectionTable(link, app);
    });
  }

  /** What `Addon.attach` calls when the doorbell rings; call it once to start. */
  get bell(): () => void {
    return this.#wakeup.bell;
  }

  /** Connections whose slot is not free again yet. */
  get liveConnections(): number {
    return this.#tables.reduce((sum, table) => sum + table.live, 0);
  }

  /** Asks worker `worker` for a connection; the request's observer hears what becomes of it. */
  connect(worker: number, request: ConnectRequest): void {
    if (this.#tables[worker]!.connects.add(request)) this.#wakeup.turnSoon();
  }

  /** Tells every connection to finish; new ones are told at once. */
  shutDown(): void {
    if (this.#shuttingDown) return;
    this.#shuttingDown = true;
    for (const table of this.#tables) table.shutDown();
  }

  /** Closes every connection now, with NO_ERROR (RFC 9000 §20.1). */
  closeAll(): void {
    for (const table of this.#tables) {
      table.forEach((connection) => connection.close(0, "the server stopped", false));
    }
  }

  /** Resolves when no connection is left, or after `timeoutMs`. */
  idle(timeoutMs: number): Promise<void> {
    if (this.liveConnections === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#idleWaiters.push(() => {
      clearTimeout(timer);
      resolve();
    });
    return promise;
  }

  /**
   * No more events or commands; call before detaching. Every connection ends for its application;
   * late calls of handlers do nothing: the handle may be another server's by then.
   */
  close(): void {
    for (const table of this.#tables) table.abandon();
    this.#wakeup.close();
    for (const port of this.#ports) port.close();
    this.#leases.close();
    this.#tellIdle();
  }

  onEvent(worker: number, words: Uint32Array, entry: number): void {
    const table = this.#tables[worker]!;
    const kind = words[entry + EVENT_KIND_WORD]!;
    const slot = words[entry + EVENT_CONNECTION_WORD]!;
    const generation = words[entry + EVENT_CONNECTION_GENERATION_WORD]!;
    if (kind === EVENT_CONNECTED) {
      const early = (words[entry + EVENT_FLAGS_WORD]! & FLAG_EARLY) !== 0;
      const connection = table.connected(slot, generation, early);
      if (this.#shuttingDown && connection !== null) table.tellShutdown(connection);
      return;
    }
    if (kind === EVENT_CONNECT_STARTED || kind === EVENT_CONNECT_REFUSED) {
      this.#onConnectAnswer(table, kind, words, entry);
      return;
    }
    const connection = table.connection(slot, generation);
    if (connection === null) this.#releaseStale(worker, words, entry);
    else if (kind === EVENT_STREAM_DATA) this.#onStreamData(table, connection, words, entry);
    else this.#onOther(table, connection, kind, words, entry);
  }

  onTurnEnd(): boolean {
    let retry = false;
    for (const port of this.#ports) if (!port.flush()) retry = true;
    for (const table of this.#tables) if (table.connects.pump()) retry = true;
    if (this.#stalls.tell()) retry = true;
    if (!this.#stopSeen) this.#checkStop();
    if (this.#idleWaiters.length > 0 && this.liveConnections === 0) this.#tellIdle();
    return retry;
  }

  #tellIdle(): void {
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #onStreamData(
    table: ConnectionTable,
    connection: NativeConnection,
    words: Uint32Array,
    entry: number,
  ): void {
    const worker = table.worker;
    const stream = connection.open ? this.#streamOf(table, connection, words, entry) : null;
    if (stream === null) {
      this.#releaseStale(worker, words, entry);
      return;
    }
    const borrowed = this.#borrowed;
    borrowed.begin(worker, words[entry + EVENT_BUFFER_WORD]!, words[entry + EVENT_LENGTH_WORD]!);
    stream.deliver(borrowed, (words[entry + EVENT_FLAGS_WORD]! & FLAG_FIN) !== 0);
    borrowed.end();
  }

  #onOther(
    table: ConnectionTable,
    connection: NativeConnection,
    kind: number,
    words: Uint32Array,
    entry: number,
  ): void {
    switch (kind) {
      case EVENT_STREAM_WRITABLE:
        this.#streamOf(table, connection, words, entry)?.onCredit();
        return;
      case EVENT_STREAM_RESET:
        this.#streamOf(table, connection, words, entry)?.onPeerReset(errorCode(words, entry));
        return;
      case EVENT_STREAM_STOPPED:
        this.#streamOf(table, connection, words, entry)?.onPeerStopped(errorCode(words, entry));
        return;
      case EVENT_DATAGRAM:
        this.#onDatagram(table, connection, words, entry);
        return;
      case EVENT_STREAM_OPENED:
        this.#onStreamOpened(table, connection, words, entry);
        return;
      case EVENT_OPEN_REFUSED:
        this.#onOpenRefused(table, connection, words, entry);
        return;
      case EVENT_PATH_CHANGED:
        table.pathChanged(connection);
        return;
      case EVENT_HANDSHAKE_DONE:
        table.handshakeDone(connection, (words[entry + EVENT_FLAGS_WORD]! & FLAG_EARLY) !== 0);
        return;
      case EVENT_SESSION:
        this.#onSession(table, connection, words, entry);
        return;
      case EVENT_MIGRATE_OUTCOME:
        if (connection instanceof ClientConnection) {
          const refusal = words[entry + EVENT_ERROR_CODE_WORD]!;
          connection.migrated(words[entry + EVENT_REQUEST_ID_WORD]!, refusal);
        }
        return;
      case EVENT_CLOSING:
        table.closing(connection);
        return;
      case EVENT_CLOSED:
        table.closed(connection);
        return;
      case EVENT_DATAGRAM_OUTCOME:
        connection.reports.tell(
          words[entry + EVENT_REQUEST_ID_WORD]!,
          words[entry + EVENT_ERROR_CODE_WORD]!,
        );
        return;
      default:
        this.#releaseStale(table.worker, words, entry);
    }
  }

  /** The stream that an event is about, made when the peer just opened it; null: stale. */
  #streamOf(
    table: ConnectionTable,
    connection: NativeConnection,
    words: Uint32Array,
    entry: number,
  ): NativeStream | null {
    const flags = words[entry + EVENT_FLAGS_WORD]!;
    const slot = words[entry + EVENT_STREAM_WORD]!;
    const generation = words[entry + EVENT_STREAM_GENERATION_WORD]!;
    if ((flags & FLAG_OPENED) === 0) return table.stream(slot, generation);
    if (!connection.open) return null;
    const bidirectional = (flags & FLAG_UNIDIRECTIONAL) === 0;
    const early = (flags & FLAG_EARLY) !== 0;
    const id = longWord(words, entry + EVENT_STREAM_ID_WORD);
    const stream = new NativeStream(connection, slot, generation, id, bidirectional, false, early);
    table.adopt(stream);
    table.tellStream(connection, stream);
    return stream;
  }

  #onConnectAnswer(table: ConnectionTable, kind: number, words: Uint32Array, entry: number): void {
    const requestId = words[entry + EVENT_REQUEST_ID_WORD]!;
    if (kind === EVENT_CONNECT_STARTED) {
      const slot = words[entry + EVENT_CONNECTION_WORD]!;
      const generation = words[entry + EVENT_CONNECTION_GENERATION_WORD]!;
      table.started(slot, generation, requestId);
      return;
    }
    const refusal = words[entry + EVENT_ERROR_CODE_WORD]!;
    const errno = words[entry + EVENT_LENGTH_WORD]!;
    table.connects.take(requestId)?.observer.refused(refusal, errno);
  }

  #onSession(
    table: ConnectionTable,
    connection: NativeConnection,
    words: Uint32Array,
    entry: number,
  ): void {
    const borrowed = this.#borrowed;
    const buffer = words[entry + EVENT_BUFFER_WORD]!;
    borrowed.begin(table.worker, buffer, words[entry + EVENT_LENGTH_WORD]!);
    const { memory, offset, length } = borrowed;
    const bytes = memory.slice(offset, offset + length);
    borrowed.end();
    if (!(connection instanceof ClientConnection)) return;
    table.guard(connection, "onSession", () => connection.addSession(bytes));
  }

  #onDatagram(
    table: ConnectionTable,
    connection: NativeConnection,
    words: Uint32Array,
    entry: number,
  ): void {
    const borrowed = this.#borrowed;
    const buffer = words[entry + EVENT_BUFFER_WORD]!;
    borrowed.begin(table.worker, buffer, words[entry + EVENT_LENGTH_WORD]!);
    table.tellDatagram(connection, borrowed);
    borrowed.end();
  }

  #onStreamOpened(
    table: ConnectionTable,
    connection: NativeConnection,
    words: Uint32Array,
    entry: number,
  ): void {
    const request = connection.takeOpen(words[entry + EVENT_REQUEST_ID_WORD]!);
    if (request === undefined) return;
    if (!connection.open) {
      table.guard(connection, "openStream", () => request.refused("closed"));
      return;
    }
    const slot = words[entry + EVENT_STREAM_WORD]!;
    const generation = words[entry + EVENT_STREAM_GENERATION_WORD]!;
    const id = longWord(words, entry + EVENT_STREAM_ID_WORD);
    const bidirectional = (id & 2) === 0; // RFC 9000 §2.1
    const stream = new NativeStream(connection, slot, generation, id, bidirectional, true);
    table.adopt(stream);
    table.guard(connection, "openStream", () => attachOpened(request, stream));
  }

  #onOpenRefused(
    table: ConnectionTable,
    connection: NativeConnection,
    words: Uint32Array,
    entry: number,
  ): void {
    const request = connection.takeOpen(words[entry + EVENT_REQUEST_ID_WORD]!);
    if (request === undefined) return;
    const limit = words[entry + EVENT_ERROR_CODE_WORD] === REFUSED_LIMIT;
    table.guard(connection, "openStream", () => request.refused(limit ? "limit" : "closed"));
  }

  /** Nobody is there for the event; its lease is ours all the same. */
  #releaseStale(worker: number, words: Uint32Array, entry: number): void {
    const kind = words[entry + EVENT_KIND_WORD];
    if (kind !== EVENT_STREAM_DATA && kind !== EVENT_DATAGRAM && kind !== EVENT_SESSION) return;
    const buffer = words[entry + EVENT_BUFFER_WORD]!;
    if (buffer !== NONE) this.#leases.release(worker, buffer);
  }

  #checkStop(): void {
    const signals = this.#appView[APP_VIEW_SIGNALS_WORD]!;
    if (signals === 0 && this.#appView[APP_VIEW_STOPPING_WORD] === 0) return;
    this.#stopSeen = true;
    this.#onStopRequested?.(signals);
  }
}

function longWord(words: Uint32Array, word: number): number {
  return words[word]! + words[word + 1]! * TWO_TO_32;
}

function errorCode(words: Uint32Array, entry: number): ErrorCode {
  const word = entry + EVENT_ERROR_CODE_WORD;
  return errorCodeOf(words[word]!, words[word + 1]!);
}
