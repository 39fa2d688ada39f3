/** When packets come out of the link, and which find no room. */
import { expect, test } from "bun:test";
import { Bottleneck } from "../../interop/lab/simulator/bottleneck.ts";

const MS = 1e6;
/** 10 Mbit/s: with the link's header of 2 bytes, 1248 bytes take 1 ms. */
const BYTES = 1248;
const link = () => new Bottleneck({ bitsPerSecond: 10e6, delayNs: 15 * MS, queuePackets: 25 });

test("a packet alone: its sending time and the delay", () => {
  const bottleneck = link();
  expect(bottleneck.offer(BYTES, 5 * MS)).toBe(true);
  expect(bottleneck.dueNs).toBe(21 * MS);
});

test("a burst comes out at the link's rate; 25 wait, one is in the device, one on the wire", () => {
  const bottleneck = link();
  const due: number[] = [];
  for (let i = 0; i < 40; i++) if (bottleneck.offer(BYTES, 0)) due.push(bottleneck.dueNs);
  expect(due).toEqual(Array.from({ length: 27 }, (_, i) => (16 + i) * MS));
  expect(bottleneck.dropped).toBe(13);
});

test("room comes back as packets are sent", () => {
  const bottleneck = link();
  for (let i = 0; i < 27; i++) bottleneck.offer(BYTES, 0);
  expect(bottleneck.offer(BYTES, 0.999 * MS)).toBe(false);
  expect(bottleneck.offer(BYTES, 1 * MS)).toBe(true);
  expect(bottleneck.offer(BYTES, 1 * MS)).toBe(false);
  expect(bottleneck.dueNs).toBe(43 * MS);
});

test("the rate holds over any time: nothing is lost to rounding", () => {
  const bottleneck = link();
  let accepted = 0;
  for (let i = 0; i < 100_000; i++) {
    while (bottleneck.offer(1230, i * 1.1 * MS)) accepted++;
  }
  // What was sent until the last offer, in whole packets, and what waits then.
  const sent = Math.floor((99_999 * 1.1 * 10e3) / (1232 * 8));
  expect(Math.abs(accepted - (sent + 27))).toBeLessThanOrEqual(1);
});
