/**
 * Events of one connection for an application task: an async iterable with one reader.
 *
 * Bounded for a task that does not read: of datagrams the oldest are dropped, as in every other
 * queue they pass. All other events tell of something and are kept; how many there can be is
 * bounded by the peer's limits while its streams live, but a peer that resets streams as fast as it
 * opens them has no such bound: beyond `EVENTS_MAX` the queue is told to be overfull, once.
 */
import { assert } from "../assert.ts";
import type { AppEvent } from "./app.ts";

type Result = IteratorResult<AppEvent, undefined>;

/** Waiting for the task, of one connection. */
export const DATAGRAMS_MAX = 256;
export const EVENTS_MAX = 4096;

const END: Result = { done: true, value: undefined };

function discard(event: AppEvent): void {
  if (event.type === "Datagram") event.chunk.release();
}

export interface EventQueueObserver {
  /** The oldest datagram gave way to a new one. */
  datagramDropped(): void;
  /** The reader does not keep up with events that must not be lost. */
  overfull(): void;
}

export class EventQueue implements AsyncIterable<AppEvent> {
  #events: AppEvent[] = [];
  #datagrams = 0;
  readonly #observer: EventQueueObserver | null;
  #waiter: ((result: Result) => void) | null = null;
  #ended = false;
  /** The reader left: what comes is released at once. */
  #abandoned = false;

  constructor(observer: EventQueueObserver | null = null) {
    this.#observer = observer;
  }

  /** Takes the event, and the chunk of a datagram with it. */
  push(event: AppEvent): void {
    if (this.#ended || this.#abandoned) {
      discard(event);
      return;
    }
    const waiter = this.#waiter;
    if (waiter === null) {
      this.#keep(event);
      return;
    }
    this.#waiter = null;
    waiter({ done: false, value: event });
  }

  #keep(event: AppEvent): void {
    this.#events.push(event);
    if (event.type === "Datagram") {
      if (++this.#datagrams > DATAGRAMS_MAX) this.#dropOldest();
    } else if (this.#events.length - this.#datagrams === EVENTS_MAX + 1) {
      this.#observer?.overfull();
    }
  }

  #dropOldest(): void {
    const oldest = this.#events.findIndex((event) => event.type === "Datagram");
    for (const event of this.#events.splice(oldest, 1)) discard(event);
    this.#datagrams--;
    this.#observer?.datagramDropped();
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
    this.#datagrams = 0;
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
    if (event !== undefined) {
      if (event.type === "Datagram") this.#datagrams--;
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#ended) return Promise.resolve(END);
    assert(this.#waiter === null, "one reader of a connection's events");
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }
}
