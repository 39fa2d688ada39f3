/**
 * A connection that we opened: the same as the server's, and what only a client has, its sessions,
 * the outcome of its early data, and migration.
 */
import {
  COMMAND_MIGRATE,
  COMMAND_START,
  CONNECTION_RESUMED,
  OK,
  REFUSED_FULL,
  REFUSED_PATH,
  REFUSED_SYSTEM,
  REFUSED_UNSUPPORTED,
} from "../native/abi.gen.ts";
import type { AppEvent, CloseInfo, QuicConnection } from "./app.ts";
import type { ConnectRequest } from "./connect_request.ts";
import type { ConnectionSnapshot } from "./connection_snapshot.ts";
import { ConnectionError } from "./error.ts";
import type { ErrorCode } from "./error_code.ts";
import { EventQueue } from "./event_queue.ts";
import { NativeConnection } from "./native_connection.ts";
import type { NativeStream } from "./native_stream.ts";
import type { OpenRequest } from "./open_requests.ts";
import type { WorkerLink } from "./worker_link.ts";

/** A server sends a few tickets at once and more over time: the newest are kept. */
const SESSIONS_MAX = 4;

const NO_EVENTS = new EventQueue();
NO_EVENTS.end();

interface Outcome {
  resolve(): void;
  reject(error: ConnectionError): void;
}

export class ClientConnection extends NativeConnection implements QuicConnection {
  readonly request: ConnectRequest;
  /** Nothing comes where an application serves the connection. */
  events: AsyncIterable<AppEvent> = NO_EVENTS;
  readonly closed: Promise<CloseInfo>;
  readonly handshakeCompleted: Promise<{ earlyAccepted: boolean }>;
  readonly #closed = Promise.withResolvers<CloseInfo>();
  readonly #handshake = Promise.withResolvers<{ earlyAccepted: boolean }>();
  readonly #migrations = new Map<number, Outcome>();
  #sessions: Uint8Array[] = [];
  /** Told to the observer: CLOSING before it is a handshake that failed. */
  #usable = false;
  #start: "told" | "soon" | "done" = "told";

  constructor(
    link: WorkerLink,
    slot: number,
    generation: number,
    snapshot: ConnectionSnapshot,
    forgetStream: (stream: NativeStream) => void,
    request: ConnectRequest,
  ) {
    super(link, slot, generation, "", snapshot, forgetStream, "Initial");
    this.request = request;
    this.closed = this.#closed.promise;
    this.handshakeCompleted = this.#handshake.promise;
    // Who does not ask is not told of a failure through an unhandled rejection.
    this.handshakeCompleted.catch(() => {});
    this.advance("flight");
  }

  get resumed(): boolean {
    return (this.snapshot.flags & CONNECTION_RESUMED) !== 0;
  }

  get sessions(): readonly Uint8Array[] {
    return this.#sessions;
  }

  get usable(): boolean {
    return this.#usable;
  }

  override close(code: ErrorCode = 0, reason = "", application = true): void {
    super.close(code, reason, application);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closeWhenDelivered(0);
    await this.closed;
  }

  migrate(): Promise<void> {
    if (!this.open) return Promise.reject(new ConnectionError("no migration: it is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const requestId = this.requests.nextId();
    this.#migrations.set(requestId, { resolve, reject });
    this.port.post({
      kind: COMMAND_MIGRATE,
      connection: this.slot,
      connectionGeneration: this.generation,
      requestId,
    });
    return promise;
  }

  /** CONNECTED. Returns false when it came before. */
  connected(early: boolean): boolean {
    if (this.#usable) return false;
    this.#usable = true;
    const { alpns } = this.request;
    this.alpn = alpns[this.snapshot.alpn] ?? alpns[0]!;
    if (early) {
      this.advance("early");
      this.#startSoon();
    } else {
      this.advance("established");
      this.#handshake.resolve({ earlyAccepted: false });
    }
    return true;
  }

  override takeOpen(requestId: number): OpenRequest | undefined {
    this.#startSoon();
    return super.takeOpen(requestId);
  }

  /**
   * The first flight waits for what the application does when it hears of the connection, and of
   * each stream that it asked for then, so that its requests leave with it, as 0-RTT. All that
   * follows from an event without waiting for others is done before the next immediate.
   */
  #startSoon(): void {
    if (this.#start !== "told" || !this.early) return;
    this.#start = "soon";
    setImmediate(() => {
      const { size } = this.requests;
      this.#start = size === 0 ? "done" : "told";
      if (!this.early) return;
      this.port.post({
        kind: COMMAND_START,
        connection: this.slot,
        connectionGeneration: this.generation,
        length: size,
      });
    });
  }

  override handshakeDone(earlyAccepted: boolean): void {
    super.handshakeDone(earlyAccepted);
    this.#handshake.resolve({ earlyAccepted });
  }

  /** SESSION; takes the bytes. */
  addSession(bytes: Uint8Array): void {
    this.#sessions = [...this.#sessions, bytes].slice(-SESSIONS_MAX);
    this.request.observer.session(bytes);
  }

  /** MIGRATE_OUTCOME. */
  migrated(requestId: number, refusal: number): void {
    const outcome = this.#migrations.get(requestId);
    this.#migrations.delete(requestId);
    if (outcome === undefined) return;
    if (refusal === OK) outcome.resolve();
    else outcome.reject(new ConnectionError(`no migration: ${migrationRefusal(refusal)}`));
  }

  override ended(info: CloseInfo): void {
    const why = new ConnectionError("the connection ended", info.code);
    for (const outcome of this.#migrations.values()) outcome.reject(why);
    this.#migrations.clear();
    this.#handshake.reject(why);
    this.request.observer.ended(info);
    this.#closed.resolve(info);
  }
}

const MIGRATION_REFUSALS: Record<number, string> = {
  [REFUSED_UNSUPPORTED]: "the server forbids it (RFC 9000 §18.2)",
  [REFUSED_FULL]: "an earlier one still runs, or the server offers no connection ID for it",
  [REFUSED_SYSTEM]: "the system gave no socket for the new path (is `ulimit -n` reached?)",
  [REFUSED_PATH]: "the new path was tried and does not answer",
};

function migrationRefusal(refusal: number): string {
  return MIGRATION_REFUSALS[refusal] ?? `refused (${refusal})`;
}
