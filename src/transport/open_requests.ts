/** Streams that were asked for and are not answered yet, by request id. */
import type { NativeStream } from "./native_stream.ts";
import type { StreamSink, TransportStream } from "./stream.ts";

/** Why there is no stream. */
export type OpenRefusal = "limit" | "closed";

export interface OpenRequest {
  /** The stream is there; returns its sink. */
  opened(stream: TransportStream): StreamSink | null;
  refused(reason: OpenRefusal): void;
}

export class OpenRequests {
  readonly #waiting = new Map<number, OpenRequest>();
  #next = 1;

  get size(): number {
    return this.#waiting.size;
  }

  /** Wraps at 2^32; 0 is never one. */
  nextId(): number {
    const id = this.#next;
    this.#next = id === 0xffffffff ? 1 : id + 1;
    return id;
  }

  add(id: number, request: OpenRequest): void {
    this.#waiting.set(id, request);
  }

  /** The request that the answer belongs to, once; undefined for an id that nobody waits for. */
  take(id: number): OpenRequest | undefined {
    const request = this.#waiting.get(id);
    this.#waiting.delete(id);
    return request;
  }

  /** All that are left, in the order they were asked: the connection has ended. */
  takeAll(): OpenRequest[] {
    const requests = [...this.#waiting.values()];
    this.#waiting.clear();
    return requests;
  }
}

/** Attaches the sink that an answered request names. */
export function attachOpened(request: OpenRequest, stream: NativeStream): void {
  const sink = request.opened(stream);
  if (sink !== null) stream.sink = sink;
}
