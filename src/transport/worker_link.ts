/** What the connections of one worker share on this app thread. */
import type { HotCalls } from "../native/hot_calls.ts";
import type { WorkerMemory } from "../native/worker.ts";
import type { CommandPort } from "./command_port.ts";
import type { Leases } from "./leases.ts";
import type { StallList } from "./stall_list.ts";

export class WorkerLink {
  readonly #calls: HotCalls;
  readonly #app: number;

  constructor(
    calls: HotCalls,
    app: number,
    readonly memory: WorkerMemory,
    readonly port: CommandPort,
    readonly leases: Leases,
    readonly stalls: StallList,
    /** Received chunks that one stream may leave unreleased before the worker stops reading it. */
    readonly streamChunks: number,
  ) {
    this.#calls = calls;
    this.#app = app;
  }

  /**
   * Asks for a WRITABLE event when the stream's limit moves beyond `seen`. False: one will come.
   * True: the limit moved already and no event comes.
   */
  wantCredit(stream: number, seen: number): boolean {
    return this.#calls.quicd_stream_want(this.#app, this.memory.index, stream, seen) === 1;
  }
}
