/**
 * The link of the network simulator: what is lost, what waits, when it comes out. Pure arithmetic,
 * exact figures.
 */
import { describe, expect, test } from "bun:test";
import { Link, NO_LINK } from "../../interop/netsim/link.ts";
import { parseQuantity } from "../../interop/netsim/options.ts";

describe("link", () => {
  test("serialises at its rate and delays by its delay", () => {
    const link = new Link({ ...NO_LINK, delayMs: 15, rateBitsPerSecond: 10e6 }, 1);
    // 1220 + 30 bytes of overhead are 10,000 bits: 1 ms each.
    for (let i = 1; i <= 3; i++) {
      expect(link.offer(1220, 100)).toBe(1);
      expect(link.dueMs).toBeCloseTo(100 + i + 15, 6);
    }
    expect(link.offer(1220, 200)).toBe(1);
    expect(link.dueMs).toBeCloseTo(216, 6);
  });

  test("drops at the tail: 25 wait, one is on the wire", () => {
    const link = new Link({ ...NO_LINK, rateBitsPerSecond: 10e6, queuePackets: 25 }, 1);
    let accepted = 0;
    for (let i = 0; i < 100; i++) accepted += link.offer(1220, 0);
    expect(accepted).toBe(26);
    expect(link.counters.queueDropped).toBe(74);
    expect(link.counters.queuePacketsMax).toBe(25);
    // After ten packet times there is room for ten.
    for (let i = 0; i < 100; i++) accepted += link.offer(1220, 10.5);
    expect(accepted).toBe(36);
  });

  test("loses what it is told to, the same packets for the same seed", () => {
    const lost = (seed: number, rate: number) => {
      const link = new Link({ ...NO_LINK, lossRate: rate }, seed);
      return Array.from({ length: 20_000 }, () => link.offer(1200, 0)).map(
        (copies) => copies === 0,
      );
    };
    const count = (flags: boolean[]) => flags.filter(Boolean).length;
    // Binomial, n = 20,000, p = 0.02: 400 +- 5 sigma.
    expect(count(lost(1, 0.02))).toBeWithin(300, 500);
    expect(lost(7, 0.02)).toEqual(lost(7, 0.02));
    expect(lost(7, 0.02)).not.toEqual(lost(8, 0.02));
    expect(count(lost(1, 0))).toBe(0);
    expect(count(lost(1, 1))).toBe(20_000);
  });

  test("duplicates what it is told to", () => {
    const link = new Link({ ...NO_LINK, duplicateRate: 0.1 }, 3);
    let copies = 0;
    for (let i = 0; i < 10_000; i++) copies += link.offer(100, 0);
    expect(copies).toBeWithin(10_850, 11_150);
  });
});

test("quantities need their unit", () => {
  expect(parseQuantity("15ms", ["ms", "s"])).toBe(15);
  expect(parseQuantity("1.5s", ["ms", "s"])).toBe(1500);
  expect(parseQuantity("10mbit", ["mbit"])).toBe(10e6);
  expect(parseQuantity("2%", ["%"])).toBeCloseTo(0.02);
  for (const wrong of ["15", "ms", "-1ms", "10mbyte", "2"]) {
    expect(() => parseQuantity(wrong, ["ms", "%"])).toThrow();
  }
});
