/** The arithmetic of the benches: a wrong interval would look like any other. */
import { expect, test } from "bun:test";
import { estimate, shareInterval, turningOrder } from "../../bench/compare.ts";
import type { LoadResult } from "../../bench/load.ts";
import { mergeResults } from "../../bench/load_group.ts";
import { portsByClient } from "../../bench/source_ports.ts";

test("every arm has every place, and comes after every other one", () => {
  const orders = Array.from({ length: 6 }, (_, round) => turningOrder(["A", "B", "C"], round));
  expect(orders.map((order) => order.join(""))).toEqual("ABC CBA BCA ACB CAB BAC".split(" "));
});

test("two rivals change places", () => {
  const first = Array.from({ length: 4 }, (_, round) => turningOrder(["A", "B"], round)[0]);
  expect(first).toEqual(["A", "B", "B", "A"]);
});

test("the interval of a share", () => {
  const [low, high] = shareInterval(20, 40);
  expect(low).toBeCloseTo(0.374, 3);
  expect(high).toBeCloseTo(0.626, 3);
  // Nothing lost is not "nothing can be lost".
  expect(shareInterval(0, 40)[0]).toBeCloseTo(0, 10);
  expect(shareInterval(0, 40)[1]).toBeCloseTo(0.063, 3);
});

test("the interval of a median holds it, and is a point for equal values", () => {
  const { median, low, high } = estimate([5, 1, 4, 2, 3]);
  expect(median).toBe(3);
  expect(low).toBeLessThan(3);
  expect(high).toBeGreaterThan(3);
  expect(estimate([7, 7, 7])).toEqual({ median: 7, low: 7, high: 7 });
});

test("clients at the same time: counts add up, times do not", () => {
  const one = { requests: 10, seconds: 1, latency_us_p99: 5, cpu_seconds: 0.5, errors: 0 };
  const two = { requests: 20, seconds: 2, latency_us_p99: 4, cpu_seconds: 0.25, errors: 1 };
  expect(mergeResults([one, two] as LoadResult[])).toEqual({
    ...{ requests: 30, seconds: 2, latency_us_p99: 5, cpu_seconds: 0.75, errors: 1 },
  } as LoadResult);
});

test("each client gets as many connections of every worker", () => {
  const ports = [
    [1, 2, 3, 4],
    [11, 12, 13, 14],
  ];
  expect(portsByClient(ports, 2)).toEqual([
    [1, 3, 11, 13],
    [2, 4, 12, 14],
  ]);
  expect(portsByClient(ports, 1)).toEqual([ports.flat()]);
});
