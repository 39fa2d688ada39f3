/** When operations begin and from when they count, with slots that do as they are told. */
import { describe, expect, test } from "bun:test";
import { Driver, type Slot } from "../../src/load/driver.ts";
import { Tally } from "../../src/load/tally.ts";

/** A server of slots; while it stands still nothing is answered. */
class Desk {
  readonly tally = new Tally();
  readonly slots: Slot[] = [];
  readonly driver = new Driver(this.slots, this.tally);
  readonly beginnings: number[] = [];
  /** Slots that were given a second operation before they offered themselves. */
  twice = 0;
  standing = false;
  #waiting: (() => void)[] = [];

  constructor(count: number, answerMs: number | null) {
    for (let i = 0; i < count; i++) this.slots.push(this.#slot(answerMs));
  }

  resume(): void {
    this.standing = false;
    for (const answer of this.#waiting.splice(0)) answer();
  }

  #slot(answerMs: number | null): Slot {
    let turn = 0;
    let busy = false;
    const slot: Slot = {
      ready: true,
      waiting: false,
      begin: (intendedMs) => {
        this.beginnings.push(intendedMs);
        if (busy) this.twice++;
        busy = true;
        const mine = ++turn;
        const answer = () => {
          if (mine !== turn) return;
          busy = false;
          this.driver.succeeded(intendedMs, 1, 2);
          this.driver.offer(slot);
        };
        if (answerMs === null) return;
        if (this.standing) this.#waiting.push(answer);
        else setTimeout(() => (this.standing ? this.#waiting.push(answer) : answer()), answerMs);
      },
      abandon: () => void turn++,
    };
    return slot;
  }
}

const SECOND = { rate: null, seconds: 1, operations: null, timeoutMs: 200 };

describe("closed loop", () => {
  test("does so many and no more", async () => {
    const desk = new Desk(3, 1);
    for (const slot of desk.slots) desk.driver.offer(slot);
    await desk.driver.run({ ...SECOND, operations: 50 });
    expect(desk.twice).toBe(0);
    expect(desk.tally.operations).toBe(50);
    expect(desk.beginnings).toHaveLength(50);
    expect([desk.tally.sentBytes, desk.tally.receivedBytes]).toEqual([50, 100]);
  });

  test("does as many as fit, each slot one at a time", async () => {
    const desk = new Desk(2, 5);
    const elapsedMs = await desk.driver.run({ ...SECOND, seconds: 0.2 });
    expect(elapsedMs).toBeGreaterThanOrEqual(195);
    expect(desk.tally.operations).toBe(desk.beginnings.length);
    expect(desk.tally.operations).toBeLessThanOrEqual(2 * (elapsedMs / 4));
    expect(desk.tally.operations).toBeGreaterThan(2);
  });

  test("gives up what is not answered in time, and what could not begin", async () => {
    const desk = new Desk(2, null);
    await desk.driver.run({ ...SECOND, operations: 5 });
    expect([...desk.tally.errors]).toEqual([
      ["no answer in time", 2],
      ["could not begin in time", 3],
    ]);
    expect(desk.driver.underWay).toBe(0);
  });

  test("a slot that is over at once does not keep the others from the event loop", async () => {
    const tally = new Tally();
    const slots: Slot[] = [];
    const driver = new Driver(slots, tally);
    const slot: Slot = {
      ready: true,
      waiting: false,
      begin() {
        driver.failed("at once");
        driver.offer(slot);
      },
      abandon() {},
    };
    slots.push(slot);
    await driver.run({ ...SECOND, seconds: 0.1 });
    const failed = tally.errors.get("at once") ?? 0;
    expect(failed).toBeGreaterThan(1);
    expect(failed).toBeLessThan(1000);
  });
});

describe("open loop", () => {
  test("begins what the rate says, at its times", async () => {
    const desk = new Desk(50, 1);
    await desk.driver.run({ ...SECOND, rate: 500, seconds: 0.4 });
    expect(desk.tally.operations).toBe(200);
    const apart = desk.beginnings.slice(1).map((at, i) => at - desk.beginnings[i]!);
    for (const ms of apart) expect(ms).toBeCloseTo(2, 5);
  });

  test("a standstill is in the latencies of all that should have begun in it", async () => {
    const desk = new Desk(2, 0);
    setTimeout(() => {
      desk.standing = true;
      setTimeout(() => desk.resume(), 300);
    }, 100);
    await desk.driver.run({ ...SECOND, rate: 200, seconds: 0.6 });
    expect(desk.tally.operations).toBe(120);
    // 60 of 120 should have begun in these 300 ms, and waited for the rest of it: 150 ms, halfway.
    const latency = desk.tally.latency.summary()!;
    expect(latency.max).toBeGreaterThan(250_000);
    expect(latency.p90).toBeGreaterThan(150_000);
    // Two slots: a closed loop would have had two long ones, and a mean of a few ms.
    expect(latency.mean).toBeGreaterThan(40_000);
  });

  test("what never could begin is counted as failed", async () => {
    const desk = new Desk(1, null);
    await desk.driver.run({ ...SECOND, rate: 100, seconds: 0.1 });
    expect([...desk.tally.errors]).toEqual([
      ["no answer in time", 1],
      ["could not begin in time", 9],
    ]);
  });
});

test("stop ends it with what is done", async () => {
  const desk = new Desk(3, 2);
  setTimeout(() => desk.driver.stop(), 50);
  await desk.driver.run({ ...SECOND, seconds: 60 });
  expect(desk.tally.operations).toBeGreaterThan(0);
  expect(desk.tally.errorCount).toBe(0);
});
