/** Capture files, byte for byte. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Capture } from "../../interop/lab/simulator/pcap.ts";
import { TemporaryFolder } from "../support/server_process.ts";
import { udpPacket } from "./packets.ts";

const BASE_SECONDS = 1_700_000_000;

test("a header, then records with stamps that never go back", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("one.pcap");
  const capture = new Capture(path);
  const packet = udpPacket(new Uint8Array([1, 2, 3]));
  for (const timeNs of [2_500_000_001, 2_000_000_000, 3_000_000_007]) {
    capture.write(packet.bytes, packet.length, BASE_SECONDS, timeNs);
  }
  capture.close();
  const view = new DataView(readFileSync(path).buffer);
  expect(view.getUint32(0, true)).toBe(0xa1b23c4d);
  expect([view.getUint16(4, true), view.getUint16(6, true)]).toEqual([2, 4]);
  expect(view.getUint32(20, true)).toBe(1);
  const record = 16 + packet.length;
  expect(view.byteLength).toBe(24 + 3 * record);
  const stamps = [0, 1, 2].map((i) => [
    view.getUint32(24 + i * record, true) - BASE_SECONDS,
    view.getUint32(28 + i * record, true),
  ]);
  expect(stamps).toEqual([
    [2, 500_000_001],
    [2, 500_000_001],
    [3, 7],
  ]);
  expect(view.getUint32(32, true)).toBe(packet.length);
  expect(view.getUint32(36, true)).toBe(packet.length);
  const kept = new Uint8Array(view.buffer, 40, packet.length);
  expect(Buffer.compare(kept, packet.bytes.subarray(0, packet.length))).toBe(0);
});

test("more than its buffer holds", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("many.pcap");
  const capture = new Capture(path);
  const packet = udpPacket(new Uint8Array(1400));
  for (let i = 0; i < 1000; i++) capture.write(packet.bytes, packet.length, BASE_SECONDS, i);
  capture.close();
  expect(Bun.file(path).size).toBe(24 + 1000 * (16 + packet.length));
});
