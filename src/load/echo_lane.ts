/** A connection of ALPN "echo": each operation is a stream whose bytes come back. */
import type { ConnectionSink, SinkConnection } from "../transport/app.ts";
import type { ChunkView } from "../transport/chunk.ts";
import type { ClientConnection } from "../transport/client_connection.ts";
import type { StreamSink, TransportStream } from "../transport/stream.ts";
import type { Driver, Slot } from "./driver.ts";
import { type Lane, LaneConnection, type LaneUser } from "./lane.ts";
import type { LoadEngine } from "./load_engine.ts";
import { PayloadWriter } from "./payload.ts";
import { IGNORED_STREAM, RawFactory } from "./raw_factory.ts";
import { Reference } from "./reference.ts";

const NO_PREFIX = new Uint8Array(0);
const PATTERN_REFERENCE = new Reference({ kind: "pattern" });
const CANCELLED = 0;

class EchoSlot implements Slot, StreamSink {
  waiting = false;
  readonly #lane: EchoLane;
  readonly #driver: Driver;
  readonly #payload: PayloadWriter;
  readonly #bytes: number;
  #stream: TransportStream | null = null;
  #busy = false;
  /** Tells the answer to an open that was given up from the one that is wanted. */
  #turn = 0;
  #intendedMs = 0;
  #sent = false;
  #received = 0;
  #differs = false;

  constructor(lane: EchoLane, driver: Driver, bytes: number) {
    this.#lane = lane;
    this.#driver = driver;
    this.#bytes = bytes;
    this.#payload = new PayloadWriter(NO_PREFIX, bytes);
  }

  get ready(): boolean {
    return this.#lane.connection !== null && !this.#busy;
  }

  begin(intendedMs: number): void {
    this.#busy = true;
    this.#intendedMs = intendedMs;
    this.#sent = false;
    this.#received = 0;
    this.#differs = false;
    this.#payload.begin();
    const turn = ++this.#turn;
    this.#lane.connection!.openStream(true, (stream) => {
      if (turn !== this.#turn) {
        stream?.send?.reset(CANCELLED);
        stream?.stop(CANCELLED);
        return null;
      }
      if (stream === null) {
        this.#fail("the server allows no more streams now");
        return null;
      }
      this.#stream = stream;
      this.onWritable();
      return this;
    });
  }

  onWritable(): void {
    const send = this.#stream?.send;
    if (!this.#busy || this.#sent || send == null) return;
    this.#sent = this.#payload.write(send);
    this.#driver.moved = true;
  }

  onData(chunk: ChunkView, fin: boolean): void {
    if (!this.#busy) return;
    this.#driver.moved = true;
    const { memory, offset, length } = chunk;
    this.#differs ||= !PATTERN_REFERENCE.matches(this.#received, memory, offset, offset + length);
    this.#received += length;
    if (!fin) return;
    if (this.#differs) this.#fail("echo is not what was sent");
    else if (this.#received !== this.#bytes) this.#fail(`echo of ${this.#received} bytes`);
    else this.#succeed();
  }

  onReset(code: number): void {
    this.#stream?.send?.reset(CANCELLED);
    this.#fail(`stream reset 0x${code.toString(16)}`);
  }

  onStopped(code: number): void {
    this.#stream?.stop(CANCELLED);
    this.#fail(`stream stopped 0x${code.toString(16)}`);
  }

  onConnectionClosed(): void {
    this.#fail("connection lost");
  }

  abandon(): void {
    this.#turn++;
    this.#stream?.send?.reset(CANCELLED);
    this.#stream?.stop(CANCELLED);
    this.#leave();
  }

  #leave(): void {
    this.#busy = false;
    this.#stream = null;
  }

  #succeed(): void {
    this.#leave();
    this.#driver.succeeded(this.#intendedMs, this.#bytes, this.#received);
    this.#driver.offer(this);
  }

  #fail(kind: string): void {
    if (!this.#busy) return;
    this.#leave();
    this.#driver.failed(kind);
    this.#driver.offer(this);
  }
}

export class EchoLane implements Lane, LaneUser {
  readonly slots: readonly EchoSlot[];
  readonly factory: RawFactory;
  readonly #driver: Driver;
  readonly #connection: LaneConnection;
  connection: SinkConnection | null = null;

  constructor(engine: LoadEngine, driver: Driver, streams: number, bytes: number) {
    this.#driver = driver;
    this.slots = Array.from({ length: streams }, () => new EchoSlot(this, driver, bytes));
    const sink: ConnectionSink = {
      onStream: () => IGNORED_STREAM,
      onDatagram() {},
      onShutdown() {},
      onClosed() {},
    };
    this.factory = new RawFactory(sink);
    this.#connection = new LaneConnection(engine, driver, this);
  }

  open(): Promise<void> {
    return this.#connection.open();
  }

  close(): void {
    this.#connection.close(0);
  }

  up(connection: ClientConnection): void {
    this.connection = connection;
    for (const slot of this.slots) this.#driver.offer(slot);
  }

  down(): void {
    this.connection = null;
  }
}
