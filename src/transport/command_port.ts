/**
 * The way from one app thread to one worker: the command ring, and behind it, in order, the
 * commands that must not be lost and met a full ring (finish, reset, stop, close, opens that may
 * wait).
 *
 * While anything waits, the ring counts as full for everybody else: a write must not overtake the
 * finish or reset that was asked for before it.
 */
import {
  COMMAND_BUFFER_WORD,
  COMMAND_CONNECTION_GENERATION_WORD,
  COMMAND_CONNECTION_WORD,
  COMMAND_ERROR_CODE_WORD,
  COMMAND_FLAGS_WORD,
  COMMAND_KIND_WORD,
  COMMAND_LENGTH_WORD,
  COMMAND_OFFSET_WORD,
  COMMAND_RELIABLE_BYTES_WORD,
  COMMAND_REQUEST_ID_WORD,
  COMMAND_SLAB_WORD,
  COMMAND_STREAM_GENERATION_WORD,
  COMMAND_STREAM_WORD,
  NONE,
} from "../native/abi.gen.ts";
import type { CommandRing } from "../native/command_ring.ts";
import { type ErrorCode, errorCodeHigh, errorCodeLow } from "./error_code.ts";

/** The fields of struct quicd_command; the kind says which of them count. */
export interface Command {
  kind: number;
  connection: number;
  connectionGeneration: number;
  stream?: number;
  streamGeneration?: number;
  flags?: number;
  slab?: number;
  buffer?: number;
  offset?: number;
  length?: number;
  requestId?: number;
  errorCode?: ErrorCode;
  reliableBytes?: number;
}

export function writeCommand(words: Uint32Array, entry: number, command: Command): void {
  const code = command.errorCode ?? 0;
  words[entry + COMMAND_KIND_WORD] = command.kind;
  words[entry + COMMAND_CONNECTION_WORD] = command.connection;
  words[entry + COMMAND_CONNECTION_GENERATION_WORD] = command.connectionGeneration;
  words[entry + COMMAND_STREAM_WORD] = command.stream ?? NONE;
  words[entry + COMMAND_STREAM_GENERATION_WORD] = command.streamGeneration ?? 0;
  words[entry + COMMAND_FLAGS_WORD] = command.flags ?? 0;
  words[entry + COMMAND_SLAB_WORD] = command.slab ?? 0;
  words[entry + COMMAND_BUFFER_WORD] = command.buffer ?? NONE;
  words[entry + COMMAND_OFFSET_WORD] = command.offset ?? 0;
  words[entry + COMMAND_LENGTH_WORD] = command.length ?? 0;
  words[entry + COMMAND_REQUEST_ID_WORD] = command.requestId ?? 0;
  words[entry + COMMAND_ERROR_CODE_WORD] = errorCodeLow(code);
  words[entry + COMMAND_ERROR_CODE_WORD + 1] = errorCodeHigh(code);
  const reliable = command.reliableBytes ?? 0;
  words[entry + COMMAND_RELIABLE_BYTES_WORD] = reliable % 2 ** 32;
  words[entry + COMMAND_RELIABLE_BYTES_WORD + 1] = Math.floor(reliable / 2 ** 32);
}

/** Told of every commit, so that the worker is kicked, and of commands that wait for room. */
export interface PortObserver {
  committed(worker: number): void;
  turnSoon(): void;
}

export class CommandPort {
  /** Entries of the ring, to fill in place after {@link reserve}. */
  readonly words: Uint32Array;
  readonly #worker: number;
  readonly #ring: CommandRing;
  readonly #observer: PortObserver;
  #waiting: Command[] = [];
  #closed = false;

  constructor(worker: number, ring: CommandRing, observer: PortObserver) {
    this.#worker = worker;
    this.#ring = ring;
    this.#observer = observer;
    this.words = ring.words;
  }

  /** Commands that wait for ring room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Word index of a free entry, the same one until {@link commit}; -1: no room now, nothing is
   * kept.
   */
  reserve(): number {
    return this.#waiting.length > 0 || this.#closed ? -1 : this.#ring.reserve();
  }

  /** Nothing goes out any more; what waits is dropped. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  commit(): void {
    this.#ring.commit();
    this.#observer.committed(this.#worker);
  }

  /** False: no room now, nothing was queued. */
  tryPost(command: Command): boolean {
    const entry = this.reserve();
    if (entry < 0) return false;
    writeCommand(this.words, entry, command);
    this.commit();
    return true;
  }

  /** Never refused: waits for room behind what waits already. */
  post(command: Command): void {
    if (this.tryPost(command) || this.#closed) return;
    this.#waiting.push(command);
    this.#observer.turnSoon();
  }

  /** Moves what waits into the ring. Returns true when nothing is left waiting. */
  flush(): boolean {
    let moved = 0;
    while (moved < this.#waiting.length) {
      const entry = this.#ring.reserve();
      if (entry < 0) break;
      writeCommand(this.words, entry, this.#waiting[moved]!);
      this.commit();
      moved++;
    }
    if (moved > 0) this.#waiting = this.#waiting.slice(moved);
    return this.#waiting.length === 0;
  }
}
