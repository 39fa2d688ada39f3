/**
 * The native side for tests, over plain ArrayBuffers: rings, slabs with lease accounting, credit.
 * It checks what native/quicd.c checks, so that a test can end with {@link
 * FakeNative.expectNoLeases}.
 */
import { expect } from "bun:test";
import {
  APP_VIEW_SIZE,
  COMMAND_BUFFER_WORD,
  COMMAND_CLOSE,
  COMMAND_CONNECT,
  COMMAND_DATAGRAM,
  COMMAND_KIND_WORD,
  COMMAND_LENGTH_WORD,
  COMMAND_OFFSET_WORD,
  COMMAND_SIZE,
  COMMAND_SLAB_WORD,
  COMMAND_WORDS,
  COMMAND_WRITE,
  CONNECTION_VIEW_ALPN_WORD,
  CONNECTION_VIEW_CLOSE_CODE_WORD,
  CONNECTION_VIEW_CLOSE_FLAGS_WORD,
  CONNECTION_VIEW_DATAGRAM_MAX_BYTES_WORD,
  CONNECTION_VIEW_GENERATION_WORD,
  CONNECTION_VIEW_SIZE,
  CONNECTION_VIEW_WORDS,
  EVENT_BUFFER_WORD,
  EVENT_CONNECTION_GENERATION_WORD,
  EVENT_CONNECTION_WORD,
  EVENT_ERROR_CODE_WORD,
  EVENT_FLAGS_WORD,
  EVENT_KIND_WORD,
  EVENT_LENGTH_WORD,
  EVENT_REQUEST_ID_WORD,
  EVENT_SIZE,
  EVENT_STREAM_GENERATION_WORD,
  EVENT_STREAM_ID_WORD,
  EVENT_STREAM_WORD,
  EVENT_WORDS,
  NONE,
  OK,
  REFUSED_INVALID,
  STREAM_VIEW_CREDIT_LIMIT_WORD,
  STREAM_VIEW_SIZE,
  STREAM_VIEW_WORDS,
} from "../../src/native/abi.gen.ts";
import type { Attachment } from "../../src/native/attachment.ts";
import { CommandRing } from "../../src/native/command_ring.ts";
import { EventRing } from "../../src/native/event_ring.ts";
import type { HotCalls } from "../../src/native/hot_calls.ts";
import { Slab, slabBytes } from "../../src/native/slab.ts";
import { WorkerMemory } from "../../src/native/worker.ts";
import { type ErrorCode, errorCodeHigh, errorCodeLow } from "../../src/transport/error_code.ts";

export const SMALL_COUNT = 8;
export const LARGE_COUNT = 4;
const CONNECTIONS = 8;
const STREAMS = 16;
const HANDLE = 7;

export interface FakeEvent {
  kind: number;
  connection: number;
  connectionGeneration: number;
  stream?: number;
  streamGeneration?: number;
  flags?: number;
  bytes?: Uint8Array;
  requestId?: number;
  streamId?: number;
  errorCode?: ErrorCode;
}

export class FakeNative implements HotCalls {
  readonly attachment: Attachment;
  readonly kicks: number[] = [];
  /** Commands as the worker would read them, by worker; each is COMMAND_WORDS long. */
  readonly commands: number[][][];
  commandCapacity: number;
  parks = 0;
  wants: { stream: number; seen: number }[] = [];
  readonly #commandWords: Uint32Array[];
  readonly #connectionWords: Uint32Array[];
  readonly #streamWords: Uint32Array[];
  readonly #eventWords: Uint32Array[];
  readonly #tails: number[];
  readonly #heads: number[];
  readonly #committed: number[];
  readonly #consumed: number[];
  readonly #slabs: Slab[];
  /** By slab, by buffer: leases of the app thread. */
  readonly #leases: number[][];
  readonly #busy: boolean[][];

  constructor(workers = 2, capacity = 512) {
    this.commandCapacity = capacity;
    const perWorker = <Item>(make: () => Item): Item[] => Array.from({ length: workers }, make);
    this.commands = perWorker(() => []);
    this.#commandWords = perWorker(() => new Uint32Array(capacity * (COMMAND_SIZE / 4)));
    this.#eventWords = perWorker(() => new Uint32Array(capacity * (EVENT_SIZE / 4)));
    const connections = perWorker(() => new ArrayBuffer(CONNECTIONS * CONNECTION_VIEW_SIZE));
    const streams = perWorker(() => new ArrayBuffer(STREAMS * STREAM_VIEW_SIZE));
    this.#connectionWords = connections.map((buffer) => new Uint32Array(buffer));
    this.#streamWords = streams.map((buffer) => new Uint32Array(buffer));
    this.#tails = perWorker(() => 0);
    this.#heads = perWorker(() => 0);
    this.#committed = perWorker(() => 0);
    this.#consumed = perWorker(() => 0);
    const buffers = SMALL_COUNT + LARGE_COUNT;
    const bytes = slabBytes(SMALL_COUNT, LARGE_COUNT);
    this.#slabs = Array.from(
      { length: workers + 1 },
      (_, id) => new Slab(id, new Uint8Array(bytes), SMALL_COUNT),
    );
    this.#leases = this.#slabs.map(() => new Array<number>(buffers).fill(0));
    this.#busy = this.#slabs.map(() => new Array<boolean>(buffers).fill(false));
    this.attachment = {
      calls: this,
      handle: HANDLE,
      appView: new Uint32Array(APP_VIEW_SIZE / 4),
      ownSlab: this.#slabs[workers]!,
      slabs: this.#slabs,
      workers: connections.map((buffer, index) => new WorkerMemory(index, buffer, streams[index]!)),
      eventRings: this.#eventWords.map(
        (words, worker) => new EventRing(this, HANDLE, worker, words),
      ),
      commandRings: this.#commandWords.map(
        (words, worker) => new CommandRing(this, HANDLE, worker, words),
      ),
    };
  }

  // What the worker does.

  connect(worker: number, slot: number, generation: number, datagramMaxBytes = 1200): void {
    const base = slot * CONNECTION_VIEW_WORDS;
    const words = this.#connectionWords[worker]!;
    words[base + CONNECTION_VIEW_GENERATION_WORD] = generation;
    words[base + CONNECTION_VIEW_ALPN_WORD] = 0;
    words[base + CONNECTION_VIEW_DATAGRAM_MAX_BYTES_WORD] = datagramMaxBytes;
  }

  /** What CLOSING finds in the view. */
  setClose(worker: number, slot: number, flags: number, code: number): void {
    const base = slot * CONNECTION_VIEW_WORDS;
    const words = this.#connectionWords[worker]!;
    words[base + CONNECTION_VIEW_CLOSE_FLAGS_WORD] = flags;
    words[base + CONNECTION_VIEW_CLOSE_CODE_WORD] = code;
  }

  setCredit(worker: number, stream: number, limit: number): void {
    const word = stream * STREAM_VIEW_WORDS + STREAM_VIEW_CREDIT_LIMIT_WORD;
    this.#streamWords[worker]![word] = limit;
  }

  /**
   * Publishes an event; `bytes` go into a buffer of the worker's slab with one lease. Returns the
   * buffer.
   */
  emit(worker: number, event: FakeEvent): number {
    const words = this.#eventWords[worker]!;
    const capacity = words.length / EVENT_WORDS;
    const entry = (this.#tails[worker]! & (capacity - 1)) * EVENT_WORDS;
    const bytes = event.bytes ?? new Uint8Array(0);
    const buffer = bytes.length === 0 ? NONE : this.#takeFrom(worker, bytes.length > 2048 ? 1 : 0);
    const slab = this.#slabs[worker]!;
    if (buffer !== NONE) slab.memory.set(bytes, slab.offsetOf(buffer));
    words[entry + EVENT_KIND_WORD] = event.kind;
    words[entry + EVENT_CONNECTION_WORD] = event.connection;
    words[entry + EVENT_CONNECTION_GENERATION_WORD] = event.connectionGeneration;
    words[entry + EVENT_STREAM_WORD] = event.stream ?? NONE;
    words[entry + EVENT_STREAM_GENERATION_WORD] = event.streamGeneration ?? 0;
    words[entry + EVENT_FLAGS_WORD] = event.flags ?? 0;
    words[entry + EVENT_BUFFER_WORD] = buffer;
    words[entry + EVENT_LENGTH_WORD] = bytes.length;
    words[entry + EVENT_REQUEST_ID_WORD] = event.requestId ?? 0;
    words[entry + EVENT_STREAM_ID_WORD] = event.streamId ?? 0;
    words[entry + EVENT_STREAM_ID_WORD + 1] = 0;
    words[entry + EVENT_ERROR_CODE_WORD] = errorCodeLow(event.errorCode ?? 0);
    words[entry + EVENT_ERROR_CODE_WORD + 1] = errorCodeHigh(event.errorCode ?? 0);
    this.#tails[worker]!++;
    return buffer;
  }

  /**
   * The worker consumes its commands: buffers that came with them are free again. Returns the
   * commands.
   */
  consume(worker: number): number[][] {
    const taken = this.commands[worker]!.splice(0);
    this.#consumed[worker] = this.#committed[worker]!;
    for (const command of taken) {
      const buffer = command[COMMAND_BUFFER_WORD]!;
      if (!carriesBuffer(command)) continue;
      const slab = command[COMMAND_SLAB_WORD]!;
      if (this.#leases[slab]![buffer] === 0) this.#busy[slab]![buffer] = false;
    }
    return taken;
  }

  /** The bytes that a Write, Datagram or Close carries. */
  payload(command: number[]): Uint8Array {
    if (!carriesBuffer(command)) return new Uint8Array(0);
    const slab = this.#slabs[command[COMMAND_SLAB_WORD]!]!;
    const start = slab.offsetOf(command[COMMAND_BUFFER_WORD]!) + command[COMMAND_OFFSET_WORD]!;
    return slab.memory.slice(start, start + command[COMMAND_LENGTH_WORD]!);
  }

  leases(): number {
    return this.#leases.flat().reduce((sum, count) => sum + count, 0);
  }

  expectNoLeases(): void {
    expect(this.leases()).toBe(0);
  }

  // What native/quicd.c does.

  quicd_events_peek(app: number, worker: number): number {
    expect(app).toBe(HANDLE);
    return Math.min(256, this.#tails[worker]! - this.#heads[worker]!);
  }

  quicd_events_release(_app: number, worker: number, count: number): void {
    this.#heads[worker]! += count;
    expect(this.#heads[worker]!).toBeLessThanOrEqual(this.#tails[worker]!);
  }

  quicd_park(): number {
    const empty = this.#tails.every((tail, worker) => tail === this.#heads[worker]);
    if (empty) this.parks++;
    return empty ? 1 : 0;
  }

  quicd_commands_reserve(_app: number, worker: number): number {
    const committed = this.#committed[worker]!;
    if (committed - this.#consumed[worker]! >= this.commandCapacity) return NONE;
    return committed & (this.#commandWords[worker]!.length / COMMAND_WORDS - 1);
  }

  quicd_commands_commit(_app: number, worker: number): number {
    const entry = this.quicd_commands_reserve(HANDLE, worker) * COMMAND_WORDS;
    const command = [...this.#commandWords[worker]!.subarray(entry, entry + COMMAND_WORDS)];
    if (carriesBuffer(command)) {
      const slab = command[COMMAND_SLAB_WORD]!;
      const buffer = command[COMMAND_BUFFER_WORD]!;
      const capacity = this.#slabs[slab]!.capacityOf(buffer);
      const end = command[COMMAND_OFFSET_WORD]! + command[COMMAND_LENGTH_WORD]!;
      if (this.#leases[slab]![buffer]! < 1 || end > capacity) return REFUSED_INVALID;
      this.#leases[slab]![buffer]!--;
    }
    this.commands[worker]!.push(command);
    this.#committed[worker]!++;
    return OK;
  }

  quicd_kick(_app: number, worker: number): void {
    this.kicks.push(worker);
  }

  quicd_buffer_take(_app: number, bufferClass: number): number {
    return this.#takeFrom(this.#slabs.length - 1, bufferClass);
  }

  quicd_buffer_retain(_app: number, slab: number, buffer: number): number {
    if ((this.#leases[slab]?.[buffer] ?? 0) < 1) return REFUSED_INVALID;
    this.#leases[slab]![buffer]!++;
    return OK;
  }

  quicd_buffer_release(_app: number, slab: number, buffer: number): number {
    if ((this.#leases[slab]?.[buffer] ?? 0) < 1) return REFUSED_INVALID;
    this.#leases[slab]![buffer]!--;
    if (this.#leases[slab]![buffer] === 0) this.#busy[slab]![buffer] = false;
    return OK;
  }

  quicd_stream_want(_app: number, worker: number, stream: number, seen: number): number {
    const word = stream * STREAM_VIEW_WORDS + STREAM_VIEW_CREDIT_LIMIT_WORD;
    if (this.#streamWords[worker]![word] !== seen) return 1;
    this.wants.push({ stream, seen });
    return 0;
  }

  #takeFrom(slab: number, bufferClass: number): number {
    const first = bufferClass === 0 ? 0 : SMALL_COUNT;
    const end = bufferClass === 0 ? SMALL_COUNT : SMALL_COUNT + LARGE_COUNT;
    for (let buffer = first; buffer < end; buffer++) {
      if (this.#busy[slab]![buffer]) continue;
      this.#busy[slab]![buffer] = true;
      this.#leases[slab]![buffer] = 1;
      return buffer;
    }
    return NONE;
  }
}

function carriesBuffer(command: number[]): boolean {
  const kind = command[COMMAND_KIND_WORD];
  const carries =
    kind === COMMAND_WRITE ||
    kind === COMMAND_DATAGRAM ||
    kind === COMMAND_CLOSE ||
    kind === COMMAND_CONNECT;
  return carries && command[COMMAND_BUFFER_WORD] !== NONE;
}
