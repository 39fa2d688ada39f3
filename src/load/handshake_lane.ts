/**
 * Connections as operations. A resumed one needs a session of an earlier one, good for it alone, so
 * each is kept until it has given the session of its successor.
 */
import { H3ClientFactory } from "../apps/h3/client/factory.ts";
import type { CloseInfo } from "../transport/app.ts";
import type { ClientConnection } from "../transport/client_connection.ts";
import type { Driver, Slot } from "./driver.ts";
import { closeKind } from "./failure_kind.ts";
import { type AttemptOwner, HandshakeAttempt } from "./handshake_attempt.ts";
import type { HttpTarget } from "./http_target.ts";
import type { Lane } from "./lane.ts";
import { FRESH, type LoadEngine } from "./load_engine.ts";
import type { Handshake } from "./plan.ts";

export interface HandshakeShape {
  handshake: Handshake;
  target: HttpTarget;
  timeoutMs: number;
}

const NO_SESSION = "the server gave no session to resume from";

class HandshakeSlot implements Slot, AttemptOwner {
  waiting = false;
  readonly timeoutMs: number;
  readonly #engine: LoadEngine;
  readonly #driver: Driver;
  readonly #shape: HandshakeShape;
  readonly #factory = new H3ClientFactory();
  readonly #resuming: boolean;
  #attempt: HandshakeAttempt | null = null;
  #session: Uint8Array | null = null;
  #intendedMs = 0;

  constructor(engine: LoadEngine, driver: Driver, shape: HandshakeShape) {
    this.#engine = engine;
    this.#driver = driver;
    this.#shape = shape;
    this.timeoutMs = shape.timeoutMs;
    this.#resuming = shape.handshake !== "full";
  }

  get ready(): boolean {
    return this.#attempt === null;
  }

  begin(intendedMs: number): void {
    const { target, handshake } = this.#shape;
    const session = this.#resuming ? this.#session : null;
    const early = handshake === "0-rtt";
    const attempt = new HandshakeAttempt(this, target, early);
    this.#intendedMs = intendedMs;
    this.#attempt = attempt;
    this.#session = null;
    if (this.#resuming && session === null) {
      attempt.fail(NO_SESSION);
      this.seed().then(
        () => this.#free(),
        () => setTimeout(() => this.#free(), this.timeoutMs),
      );
      return;
    }
    this.#engine.connect(
      { factory: this.#factory, session, early },
      {
        connected: (connection) => attempt.connected(connection, this.#factory, this.#resuming),
        failed: (reason) => {
          attempt.fail(reason);
          this.#free();
        },
        session: (bytes) => {
          this.#session = bytes;
          attempt.session();
        },
        ended: (info) => {
          attempt.fail(closeKind(info));
          this.#free();
        },
      },
    );
  }

  abandon(): void {
    this.#attempt?.abandon();
  }

  onMoved(): void {
    this.#driver.moved = true;
  }

  onSuccess(bodyBytes: number): boolean {
    this.#driver.succeeded(this.#intendedMs, 0, bodyBytes);
    return this.#resuming && this.#session === null;
  }

  onFailure(kind: string): void {
    this.#driver.failed(kind);
  }

  /** A connection that does not count, for its session. @throws ConnectError; Error: none came */
  seed(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let connection: ClientConnection | null = null;
    const giveUp = () => {
      reject(new Error(NO_SESSION));
      connection?.close(0);
    };
    const timer = setTimeout(giveUp, this.timeoutMs);
    const done = () => {
      resolve();
      clearTimeout(timer);
      connection?.close(0);
    };
    this.#engine.connect(
      { factory: this.#factory, ...FRESH },
      {
        connected: (established) => {
          connection = established;
          if (!this.#resuming) done();
        },
        failed: (reason) => {
          clearTimeout(timer);
          reject(reason);
        },
        session: (bytes) => {
          this.#session = bytes;
          done();
        },
        ended: (info: CloseInfo) => {
          clearTimeout(timer);
          reject(new Error(closeKind(info)));
        },
      },
    );
    return promise;
  }

  #free(): void {
    this.#attempt = null;
    this.#driver.offer(this);
  }
}

/** Not one connection but one after the other: `width` of them at a time. */
export class HandshakeLane implements Lane {
  readonly slots: readonly HandshakeSlot[];
  readonly #resuming: boolean;

  constructor(engine: LoadEngine, driver: Driver, width: number, shape: HandshakeShape) {
    this.#resuming = shape.handshake !== "full";
    this.slots = Array.from({ length: width }, () => new HandshakeSlot(engine, driver, shape));
  }

  /** Every slot gets its first session; else one connection shows that the server is there. */
  async open(): Promise<void> {
    const first = this.#resuming ? this.slots : this.slots.slice(0, 1);
    await Promise.all(first.map((slot) => slot.seed()));
  }

  close(): void {
    for (const slot of this.slots) slot.abandon();
  }
}
