/** Happy eyeballs without a network: who is begun when, who wins, who is given up. */
import { describe, expect, test } from "bun:test";
import { type Attempt, race } from "../../src/client/race.ts";

const HEAD_START_MS = 30;
const NEVER = new AbortController().signal;
const later = (_one: unknown, other: unknown) => other;

/** Attempts that end as told; `log` says what happened to them. */
function course(ends: readonly (number | string | null)[], afterMs: readonly number[]) {
  const log: string[] = [];
  const begin = ends.map((end, index) => (): Attempt<number> => {
    log.push(`begin ${index}`);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const settle = () => {
      if (typeof end === "number") resolve(end);
      else if (end !== null) reject(new Error(end));
    };
    setTimeout(settle, afterMs[index]);
    return { result: promise, cancel: () => log.push(`cancel ${index}`) };
  });
  return { log, begin };
}

test("the first that succeeds is alone when it is quick", async () => {
  const { log, begin } = course([1, 2], [0, 0]);
  expect(await race(begin, HEAD_START_MS, NEVER, later)).toBe(1);
  expect(log).toEqual(["begin 0"]);
});

test("a slow one keeps its chance while the next one runs", async () => {
  const { log, begin } = course([1, null], [3 * HEAD_START_MS, 0]);
  expect(await race(begin, HEAD_START_MS, NEVER, later)).toBe(1);
  expect(log).toEqual(["begin 0", "begin 1", "cancel 1"]);
});

test("a silent one loses to the next", async () => {
  const { log, begin } = course([null, 2], [0, 0]);
  expect(await race(begin, HEAD_START_MS, NEVER, later)).toBe(2);
  expect(log).toEqual(["begin 0", "begin 1", "cancel 0"]);
});

test("one that fails is followed at once", async () => {
  const { log, begin } = course(["no", 2], [0, 0]);
  expect(await race(begin, 3_600_000, NEVER, later)).toBe(2);
  expect(log).toEqual(["begin 0", "begin 1", "cancel 0"]);
});

describe("when all fail", () => {
  test("the failure that tells more is told", async () => {
    const { begin } = course(["one", "two", "three"], [0, 0, 0]);
    const better = (one: unknown, other: unknown) => (String(other).includes("two") ? other : one);
    await expect(race(begin, HEAD_START_MS, NEVER, better)).rejects.toThrow("two");
  });

  test("it waits for the slow ones", async () => {
    const { begin } = course(["one", "two"], [3 * HEAD_START_MS, 0]);
    await expect(race(begin, HEAD_START_MS, NEVER, later)).rejects.toThrow("one");
  });
});

describe("a signal", () => {
  test("gives up what runs, with its reason", async () => {
    const { log, begin } = course([null, null], [0, 0]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 2 * HEAD_START_MS);
    await expect(race(begin, HEAD_START_MS, controller.signal, later)).rejects.toThrow("enough");
    expect(log).toEqual(["begin 0", "begin 1", "cancel 0", "cancel 1"]);
  });

  test("that came before begins nothing", async () => {
    const { log, begin } = course([1], [0]);
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(race(begin, HEAD_START_MS, signal, later)).rejects.toThrow("too late");
    expect(log).toEqual([]);
  });
});
