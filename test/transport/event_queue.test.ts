/** What a task that does not read costs: datagrams are dropped, oldest first; the rest is kept. */
import { expect, test } from "bun:test";
import type { AppEvent } from "../../src/transport/app.ts";
import type { Chunk } from "../../src/transport/chunk.ts";
import { DATAGRAMS_MAX, EVENTS_MAX, EventQueue } from "../../src/transport/event_queue.ts";

class Observer {
  dropped = 0;
  overfullTimes = 0;
  datagramDropped() {
    this.dropped++;
  }
  overfull() {
    this.overfullTimes++;
  }
}

/** Chunks that only know whether they were released. */
function datagrams(count: number) {
  const released = new Array<boolean>(count).fill(false);
  const events = released.map((_, i): AppEvent => {
    const release = () => {
      expect(released[i]).toBe(false);
      released[i] = true;
    };
    return { type: "Datagram", chunk: { length: i, release } as unknown as Chunk };
  });
  return { released, events };
}

const reset = (id: number): AppEvent => ({ type: "StreamReset", id, code: 0 });

async function drain(queue: EventQueue): Promise<AppEvent[]> {
  const events: AppEvent[] = [];
  queue.end();
  for await (const event of queue) events.push(event);
  return events;
}

test("at the bound the oldest datagram goes, and nothing else", async () => {
  const observer = new Observer();
  const queue = new EventQueue(observer);
  const { released, events } = datagrams(DATAGRAMS_MAX + 3);
  queue.push(reset(0));
  for (const event of events.slice(0, DATAGRAMS_MAX)) queue.push(event);
  queue.push(reset(4));
  expect(observer.dropped).toBe(0);
  for (const event of events.slice(DATAGRAMS_MAX)) queue.push(event);
  expect(observer).toMatchObject({ dropped: 3, overfullTimes: 0 });
  expect(released.lastIndexOf(true)).toBe(2);
  const left = await drain(queue);
  expect(left[0]).toEqual(reset(0));
  expect(left.filter(({ type }) => type === "Datagram")).toHaveLength(DATAGRAMS_MAX);
  expect(left[1]).toBe(events[3]!);
  expect(left[DATAGRAMS_MAX - 2]).toEqual(reset(4));
});

test("there is room again for each datagram that was read", async () => {
  const observer = new Observer();
  const queue = new EventQueue(observer);
  const { events } = datagrams(3 * DATAGRAMS_MAX);
  const reader = queue[Symbol.asyncIterator]();
  for (const [i, event] of events.entries()) {
    queue.push(event);
    if (i >= DATAGRAMS_MAX - 1) {
      const { value } = await reader.next();
      expect(value).toBe(events[i - DATAGRAMS_MAX + 1]!);
    }
  }
  expect(observer.dropped).toBe(0);
});

test("beyond its bound of other events it is overfull: told once, nothing lost", async () => {
  const observer = new Observer();
  const queue = new EventQueue(observer);
  for (let id = 0; id < EVENTS_MAX; id++) queue.push(reset(id));
  expect(observer.overfullTimes).toBe(0);
  for (let id = EVENTS_MAX; id < EVENTS_MAX + 5; id++) queue.push(reset(id));
  expect(observer.overfullTimes).toBe(1);
  expect(await drain(queue)).toHaveLength(EVENTS_MAX + 5);
});
