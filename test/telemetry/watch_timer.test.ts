/** One timer looks at every watch, until it is stopped. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { WatchTimer } from "../../src/telemetry/watch_timer.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test("looks at every watch with one clock, until it is stopped", () => {
  const looks: number[][] = [[], []];
  const timer = new WatchTimer(looks.map((seen) => ({ look: (nowMs) => seen.push(nowMs) })));
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(30_000);
  expect(looks[0]).toHaveLength(3);
  expect(looks[1]).toEqual(looks[0] ?? []);
  timer.stop();
  timer.stop();
  jest.advanceTimersByTime(60_000);
  expect(looks[0]).toHaveLength(3);
});
