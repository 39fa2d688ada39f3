/**
 * A connection of ALPN "echo" for datagrams: each carries its number and the pattern, and comes
 * back or is lost (RFC 9221 §5: nothing repeats it).
 */
import type { ConnectionSink, SinkConnection } from "../transport/app.ts";
import type { ChunkView } from "../transport/chunk.ts";
import type { ClientConnection } from "../transport/client_connection.ts";
import type { StreamSink } from "../transport/stream.ts";
import type { Driver, Slot } from "./driver.ts";
import { type Lane, LaneConnection, type LaneUser } from "./lane.ts";
import type { LoadEngine } from "./load_engine.ts";
import { PATTERN } from "./pattern.ts";
import { DATAGRAM_MIN_BYTES } from "./plan.ts";
import { IGNORED_STREAM, RawFactory } from "./raw_factory.ts";

const SWEEPS = 10;
/** Buffer's own methods work on any Uint8Array. */
const readUInt32 = Buffer.prototype.readUInt32LE;

class DatagramSlot implements Slot {
  waiting = false;
  busy = false;
  turn = 0;
  intendedMs = 0;
  sentMs = 0;
  readonly index: number;
  readonly #lane: DatagramLane;

  constructor(lane: DatagramLane, index: number) {
    this.#lane = lane;
    this.index = index;
  }

  get ready(): boolean {
    return this.#lane.connection !== null && !this.busy;
  }

  begin(intendedMs: number): void {
    this.intendedMs = intendedMs;
    this.#lane.send(this);
  }

  abandon(): void {
    this.busy = false;
  }
}

export class DatagramLane implements Lane, LaneUser, ConnectionSink {
  readonly slots: readonly DatagramSlot[];
  readonly factory = new RawFactory(this);
  connection: SinkConnection | null = null;
  readonly #driver: Driver;
  readonly #connection: LaneConnection;
  readonly #bytes: Buffer;
  readonly #lostMs: number;
  #sweeper: Timer | null = null;

  /** `lostMs`: what has not come back after it is lost. */
  constructor(
    engine: LoadEngine,
    driver: Driver,
    shape: { streams: number; bytes: number; lostMs: number },
  ) {
    this.#driver = driver;
    this.#lostMs = shape.lostMs;
    this.slots = Array.from({ length: shape.streams }, (_, i) => new DatagramSlot(this, i));
    this.#bytes = Buffer.from(PATTERN.subarray(0, shape.bytes));
    this.#connection = new LaneConnection(engine, driver, this);
  }

  open(): Promise<void> {
    this.#sweeper = setInterval(() => this.#sweep(), this.#lostMs / SWEEPS);
    return this.#connection.open();
  }

  close(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#connection.close(0);
  }

  up(connection: ClientConnection): void {
    this.connection = connection;
    for (const slot of this.slots) this.#driver.offer(slot);
  }

  down(): void {
    this.connection = null;
    for (const slot of this.slots) if (slot.busy) this.#fail(slot, "connection lost");
  }

  send(slot: DatagramSlot): void {
    slot.busy = true;
    slot.turn = (slot.turn + 1) >>> 0;
    slot.sentMs = performance.now();
    this.#bytes.writeUInt32LE(slot.index, 0);
    this.#bytes.writeUInt32LE(slot.turn, 4);
    const sent = this.connection!.sendDatagram(this.#bytes);
    if (typeof sent === "string") this.#fail(slot, `datagram not sent: ${sent}`);
  }

  onDatagram({ memory, offset, length }: ChunkView): void {
    if (length < DATAGRAM_MIN_BYTES) return;
    const bytes = memory as Buffer;
    const slot = this.slots[readUInt32.call(bytes, offset)];
    // One that was given up as lost, and comes late.
    if (slot === undefined || !slot.busy) return;
    if (slot.turn !== readUInt32.call(bytes, offset + 4)) return;
    const rest = offset + DATAGRAM_MIN_BYTES;
    const whole = length === this.#bytes.length;
    const same =
      whole && this.#bytes.compare(memory, rest, offset + length, DATAGRAM_MIN_BYTES, length) === 0;
    if (!same) {
      this.#fail(slot, "datagram is not what was sent");
      return;
    }
    slot.busy = false;
    this.#driver.succeeded(slot.intendedMs, length, length);
    this.#driver.offer(slot);
  }

  onStream(): StreamSink {
    return IGNORED_STREAM;
  }

  onShutdown(): void {}
  onClosed(): void {}

  #sweep(): void {
    const oldestMs = performance.now() - this.#lostMs;
    for (const slot of this.slots) {
      if (!slot.busy || slot.sentMs > oldestMs) continue;
      slot.busy = false;
      this.#driver.lost();
      this.#driver.offer(slot);
    }
  }

  #fail(slot: DatagramSlot, kind: string): void {
    slot.busy = false;
    this.#driver.failed(kind);
    this.#driver.offer(slot);
  }
}
