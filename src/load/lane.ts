/**
 * One of the run's connections: opened, and opened again when it was lost. What flows on it is the
 * mode's affair.
 */
import type { CloseInfo, QuicAppFactory } from "../transport/app.ts";
import type { ClientConnection } from "../transport/client_connection.ts";
import type { Driver, Slot } from "./driver.ts";
import { failureKind } from "./failure_kind.ts";
import { FRESH, type LoadEngine } from "./load_engine.ts";

const AGAIN_MS = 100;

export interface Lane {
  readonly slots: readonly Slot[];
  /** Resolves when it is up for the first time. @throws ConnectError */
  open(): Promise<void>;
  /** Closes for good. */
  close(): void;
}

/** A mode's side of a connection. */
export interface LaneUser {
  readonly factory: QuicAppFactory;
  up(connection: ClientConnection): void;
  /** Operations under way on it have failed already, or are told by this. */
  down(info: CloseInfo): void;
}

export class LaneConnection {
  readonly #engine: LoadEngine;
  readonly #driver: Driver;
  readonly #user: LaneUser;
  #connection: ClientConnection | null = null;
  #closed = false;
  #first: PromiseWithResolvers<void> | null = null;
  #timer: Timer | null = null;

  constructor(engine: LoadEngine, driver: Driver, user: LaneUser) {
    this.#engine = engine;
    this.#driver = driver;
    this.#user = user;
  }

  open(): Promise<void> {
    this.#first = Promise.withResolvers();
    const { promise } = this.#first;
    this.#connect();
    return promise;
  }

  close(code: number): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#connection?.close(code);
  }

  #connect(): void {
    this.#engine.connect(
      { factory: this.#user.factory, ...FRESH },
      {
        connected: (connection) => {
          this.#connection = connection;
          this.#user.up(connection);
          this.#first?.resolve();
          this.#first = null;
        },
        failed: (reason) => {
          if (this.#first === null) {
            this.#driver.tally.failed(failureKind(reason));
            this.#later();
          }
          this.#first?.reject(reason);
        },
        ended: (info) => {
          this.#connection = null;
          this.#user.down(info);
          this.#later();
        },
      },
    );
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#connect(), AGAIN_MS);
  }
}
