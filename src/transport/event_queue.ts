/**
 * Events of one connection for an application task: an async iterable with one reader. What it may
 * hold is bounded on the native side: streams by the peer's limits, datagrams by their queue.
 */
import { assert } from "../assert.ts";
import type { AppEvent } from "./app.ts";

type Result = IteratorResult<AppEvent, undefined>;

const END: Result = { done: true, value: undefined };

function discard(event: AppEvent): void {
  if (event.type === "Datagram") event.chunk.release();
}

export class EventQueue implements AsyncIterable<AppEvent> {
  #events: AppEvent[] = [];
  #waiter: ((result: Result) => void) | null = null;
  #ended = false;
  /** The reader left: what comes is released at once. */
  #abandoned = false;

  /** Takes the event, and the chunk of a datagram with it. */
  push(event: AppEvent): void {
    if (this.#ended || this.#abandoned) {
      discard(event);
      return;
    }
    const waiter = this.#waiter;
    if (waiter === null) {
      this.#events.push(event);
      return;
    }
    this.#waiter = null;
    waiter({ done: false, value: event });
  }

  /** The reader gets what waits, then the end. */
  end(): void {
    this.#ended = true;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.(END);
  }

  /** Nobody will read on. */
  abandon(): void {
    this.#abandoned = true;
    for (const event of this.#events) discard(event);
    this.#events = [];
    this.end();
  }

  [Symbol.asyncIterator](): AsyncIterator<AppEvent, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.abandon();
        return END;
      },
    };
  }

  #next(): Promise<Result> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve(END);
    assert(this.#waiter === null, "one reader of a connection's events");
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }
}
