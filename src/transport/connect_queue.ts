/**
 * The connects of one worker on this app thread that are not answered yet. One that meets a full
 * ring or an empty slab waits here, in order, and is posted at the end of a later turn.
 */
import { COMMAND_CONNECT, NONE, REFUSED_TOO_LARGE } from "../native/abi.gen.ts";
import { type ConnectRequest, encodeConnect } from "./connect_request.ts";
import type { WorkerLink } from "./worker_link.ts";

/** What one buffer of the slab holds. */
const CONNECT_BYTES_MAX = 16_384;

interface Waiting {
  id: number;
  bytes: Uint8Array;
}

export class ConnectQueue {
  readonly #link: WorkerLink;
  readonly #unanswered = new Map<number, ConnectRequest>();
  #waiting: Waiting[] = [];
  #nextId = 1;

  constructor(link: WorkerLink) {
    this.#link = link;
  }

  /** Asked for and not answered. */
  get size(): number {
    return this.#unanswered.size;
  }

  /** Answered through its observer. Returns true when it waits for room. */
  add(request: ConnectRequest): boolean {
    const bytes = encodeConnect(request);
    if (bytes.length > CONNECT_BYTES_MAX) {
      queueMicrotask(() => request.observer.refused(REFUSED_TOO_LARGE, 0));
      return false;
    }
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    this.#unanswered.set(id, request);
    this.#waiting.push({ id, bytes });
    return this.pump();
  }

  /** Posts what waits. Returns true when some of it still does. */
  pump(): boolean {
    let posted = 0;
    while (posted < this.#waiting.length && this.#post(this.#waiting[posted]!)) posted++;
    if (posted > 0) this.#waiting = this.#waiting.slice(posted);
    return this.#waiting.length > 0;
  }

  /** The request that an answer belongs to, once; undefined for an id that nobody waits for. */
  take(id: number): ConnectRequest | undefined {
    const request = this.#unanswered.get(id);
    this.#unanswered.delete(id);
    return request;
  }

  /** All that are left: no answer will come. */
  takeAll(): ConnectRequest[] {
    const requests = [...this.#unanswered.values()];
    this.#unanswered.clear();
    this.#waiting = [];
    return requests;
  }

  #post({ id, bytes }: Waiting): boolean {
    const { leases, port } = this.#link;
    if (port.reserve() < 0) return false;
    const buffer = leases.takeWhole(bytes.length);
    if (buffer === NONE) return false;
    const { own } = leases;
    own.memory.set(bytes, own.offsetOf(buffer));
    port.post({
      kind: COMMAND_CONNECT,
      connection: NONE,
      connectionGeneration: 0,
      slab: own.id,
      buffer,
      length: bytes.length,
      requestId: id,
    });
    return true;
  }
}
