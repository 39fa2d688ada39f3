/** Waits grow while a thread keeps failing, have a bound, and start anew after good service. */
import { expect, test } from "bun:test";
import { Backoff, HEALTHY_MS } from "../../src/server/backoff.ts";

test("each wait is twice the last, up to five seconds", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 8 }, () => backoff.next(0));
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(backoff.failures).toBe(8);
});

test("a thousand failures are no more than many", () => {
  const backoff = new Backoff();
  for (let i = 0; i < 5000; i++) expect(backoff.next(0)).toBeLessThanOrEqual(5000);
});

test("who served for long has no history", () => {
  const backoff = new Backoff();
  for (let i = 0; i < 5; i++) backoff.next(HEALTHY_MS - 1);
  expect(backoff.failures).toBe(5);
  expect([backoff.next(HEALTHY_MS), backoff.failures]).toEqual([100, 1]);
  expect(backoff.next(0)).toBe(200);
});
