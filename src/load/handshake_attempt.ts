/** One connection as an operation: judged when its handshake, or its 0-RTT request, is done. */
import type { H3ClientFactory } from "../apps/h3/client/factory.ts";
import { H3ErrorCode } from "../apps/h3/error.ts";
import type { ClientConnection } from "../transport/client_connection.ts";
import { failureKind } from "./failure_kind.ts";
import { type ExchangeOwner, HttpExchange } from "./http_exchange.ts";
import type { HttpTarget } from "./http_target.ts";

export interface AttemptOwner {
  readonly timeoutMs: number;
  /** Bytes came or went. */
  onMoved(): void;
  /** Returns true to keep the connection until `session`, which may come later. */
  onSuccess(bodyBytes: number): boolean;
  onFailure(kind: string): void;
}

export class HandshakeAttempt implements ExchangeOwner {
  readonly target: HttpTarget;
  readonly #owner: AttemptOwner;
  readonly #early: boolean;
  #connection: ClientConnection | null = null;
  #bodyBytes = 0;
  #over = false;
  #sessionTimer: Timer | null = null;

  constructor(owner: AttemptOwner, target: HttpTarget, early: boolean) {
    this.#owner = owner;
    this.target = target;
    this.#early = early;
  }

  connected(connection: ClientConnection, factory: H3ClientFactory, resuming: boolean): void {
    this.#connection = connection;
    if (this.#over) {
      connection.close(H3ErrorCode.NoError);
    } else if (resuming && !connection.resumed) {
      this.fail("session not resumed");
    } else if (this.#early && !connection.early) {
      this.fail("no early data could be sent");
    } else if (this.#early) {
      new HttpExchange(this, factory.of(connection)).prepare();
    } else {
      this.#succeed();
    }
  }

  session(): void {
    if (this.#over) this.#close();
  }

  fail(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.onFailure(failureKind(reason));
    this.#close();
  }

  /** Without a word. */
  abandon(): void {
    this.#over = true;
    this.#close();
  }

  onStream(exchange: HttpExchange): void {
    // Its sink is attached when this call returns.
    queueMicrotask(() => exchange.start());
  }

  onMoved(): void {
    this.#owner.onMoved();
  }

  onSuccess(_exchange: HttpExchange, bodyBytes: number): void {
    this.#bodyBytes = bodyBytes;
    this.#connection?.handshakeCompleted.then(
      ({ earlyAccepted }) => (earlyAccepted ? this.#succeed() : this.fail("early data refused")),
      (reason: unknown) => this.fail(reason),
    );
  }

  onFailure(_exchange: HttpExchange, reason: unknown): void {
    this.fail(reason);
  }

  onNoStream(_exchange: HttpExchange, reason: unknown): void {
    this.fail(reason);
  }

  #succeed(): void {
    if (this.#over) return;
    this.#over = true;
    const waits = this.#owner.onSuccess(this.#bodyBytes);
    if (waits) this.#sessionTimer = setTimeout(() => this.#close(), this.#owner.timeoutMs);
    else this.#close();
  }

  #close(): void {
    if (this.#sessionTimer !== null) clearTimeout(this.#sessionTimer);
    this.#connection?.close(H3ErrorCode.NoError);
  }
}
