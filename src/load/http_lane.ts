/** A connection that carries HTTP/3 requests, `streams` of them at a time. */
import type { H3ClientConnection } from "../apps/h3/client/connection.ts";
import { H3ClientFactory } from "../apps/h3/client/factory.ts";
import { H3ErrorCode } from "../apps/h3/error.ts";
import type { ClientConnection } from "../transport/client_connection.ts";
import type { Driver, Slot } from "./driver.ts";
import { failureKind } from "./failure_kind.ts";
import { type ExchangeOwner, HttpExchange } from "./http_exchange.ts";
import type { HttpTarget } from "./http_target.ts";
import { type Lane, LaneConnection, type LaneUser } from "./lane.ts";
import type { LoadEngine } from "./load_engine.ts";

/** After a stream was refused: the server gives more when others have ended. */
const STREAM_AGAIN_MS = 10;

class HttpSlot implements Slot {
  waiting = false;
  intendedMs = 0;
  /** Null: none under way, or one that still waits for a stream. */
  exchange: HttpExchange | null = null;
  readonly #lane: HttpLane;
  #busy = false;

  constructor(lane: HttpLane) {
    this.#lane = lane;
  }

  /** Its operation is over. */
  free(): void {
    this.exchange = null;
    this.#busy = false;
  }

  get ready(): boolean {
    return !this.#busy && this.#lane.accepting;
  }

  begin(intendedMs: number): void {
    this.intendedMs = intendedMs;
    this.#busy = true;
    this.#lane.begin(this);
  }

  abandon(): void {
    this.exchange?.abandon();
    this.#lane.forget(this);
    this.free();
  }
}

export class HttpLane implements Lane, LaneUser, ExchangeOwner {
  readonly factory = new H3ClientFactory();
  readonly target: HttpTarget;
  readonly slots: readonly HttpSlot[];
  readonly #driver: Driver;
  readonly #connection: LaneConnection;
  #h3: H3ClientConnection | null = null;
  /** With a stream and no request. */
  #stock: HttpExchange[] = [];
  /** Begun, but without a stream yet. */
  #starving: HttpSlot[] = [];

  constructor(engine: LoadEngine, driver: Driver, target: HttpTarget, streams: number) {
    this.#driver = driver;
    this.target = target;
    this.slots = Array.from({ length: streams }, () => new HttpSlot(this));
    this.#connection = new LaneConnection(engine, driver, this);
  }

  get accepting(): boolean {
    return this.#h3?.accepting ?? false;
  }

  open(): Promise<void> {
    return this.#connection.open();
  }

  close(): void {
    this.#connection.close(H3ErrorCode.NoError);
  }

  up(connection: ClientConnection): void {
    const h3 = this.factory.of(connection);
    this.#h3 = h3;
    this.#stock = [];
    // As many again as may be under way: the next stream is there when a response ends.
    for (let i = 0; i < 2 * this.slots.length; i++) new HttpExchange(this, h3).prepare();
    for (const slot of this.slots) this.#driver.offer(slot);
  }

  down(): void {
    this.#h3 = null;
    this.#stock = [];
    for (const slot of this.#starving.splice(0)) this.#starved(slot);
  }

  begin(slot: HttpSlot): void {
    const exchange = this.#stock.pop();
    if (exchange === undefined) {
      if (this.#h3 === null) this.#starved(slot);
      else this.#starving.push(slot);
      return;
    }
    slot.exchange = exchange;
    exchange.slot = slot;
    exchange.intendedMs = slot.intendedMs;
    exchange.start();
  }

  #starved(slot: HttpSlot): void {
    slot.free();
    this.#driver.failed("connection lost");
  }

  /** Its operation is nobody's any more; the stream it had goes, and another one comes. */
  forget(slot: HttpSlot): void {
    this.#starving = this.#starving.filter((other) => other !== slot);
    const { exchange } = slot;
    if (exchange === null) return;
    exchange.slot = null;
    this.#prepare(exchange);
  }

  onStream(exchange: HttpExchange): void {
    this.#stock.push(exchange);
    const slot = this.#starving.shift();
    // Its sink is attached when this call returns.
    if (slot !== undefined) queueMicrotask(() => this.begin(slot));
  }

  onMoved(): void {
    this.#driver.moved = true;
  }

  onSuccess(exchange: HttpExchange, bodyBytes: number): void {
    const slot = this.#over(exchange);
    this.#driver.succeeded(exchange.intendedMs, this.target.payloadBytes, bodyBytes);
    if (slot !== null) this.#driver.offer(slot);
  }

  onFailure(exchange: HttpExchange, reason: unknown): void {
    const slot = this.#over(exchange);
    this.#driver.failed(failureKind(reason));
    if (slot !== null) this.#driver.offer(slot);
  }

  onNoStream(exchange: HttpExchange): void {
    setTimeout(() => this.#prepare(exchange), STREAM_AGAIN_MS);
  }

  #over(exchange: HttpExchange): Slot | null {
    const { slot } = exchange;
    exchange.slot = null;
    if (slot instanceof HttpSlot) slot.free();
    this.#prepare(exchange);
    return slot;
  }

  /** Another stream; unless this connection takes no more, then its successor has exchanges. */
  #prepare(exchange: HttpExchange): void {
    if (this.#h3 !== null && exchange.h3 === this.#h3 && this.#h3.accepting) exchange.prepare();
  }
}
