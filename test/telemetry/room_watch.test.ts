/** What is said about full rings and slabs, and how often. */
import { expect, test } from "bun:test";
import { RoomWatch } from "../../src/telemetry/room_watch.ts";

function watched() {
  const lines: string[] = [];
  const state = { eventRing: 0, commandRing: 0, workerSlab: 0, appSlab: 0 };
  const watch = new RoomWatch({
    counters: () => ({ ...state }),
    ringCapacity: 8192,
    warn: (line) => lines.push(line),
  });
  return { lines, state, watch };
}

test("room everywhere, no word", () => {
  const { lines, watch } = watched();
  watch.look(0);
  watch.look(1e9);
  expect(lines).toEqual([]);
});

test.each([
  [
    "eventRing",
    "an event ring was full 7 times. Remedy: an application that blocks less, more app threads, " +
      "[limits] ring_capacity above 8192",
  ],
  [
    "commandRing",
    "a command ring was full 7 times. Remedy: more workers, [limits] ring_capacity above 8192",
  ],
  [
    "workerSlab",
    "a worker's slab was full 7 times. Remedy: to release chunks sooner, more workers",
  ],
  [
    "appSlab",
    "an app thread's slab was full 7 times. Remedy: to wait for writes, more app threads",
  ],
] as const)("%s: which it was, how often, and what to do", (what, line) => {
  const { lines, state, watch } = watched();
  state[what] = 7;
  watch.look(0);
  expect(lines).toEqual([`quicd: ${line}`]);
});

test("one line each 10 s at most, with what came together meanwhile", () => {
  const { lines, state, watch } = watched();
  state.eventRing = 1;
  watch.look(0);
  state.eventRing = 5;
  state.workerSlab = 2;
  watch.look(9999);
  expect(lines).toHaveLength(1);
  watch.look(10_000);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toStartWith("quicd: an event ring was full 4 times.");
  expect(lines[1]).toContain("; a worker's slab was full 2 times.");
  watch.look(1e9);
  expect(lines).toHaveLength(2);
});
