/**
 * Frames out of a stream, RFC 9114 §7.1: the same frames whatever the split, and O(1) memory for
 * what is skipped.
 */
import { describe, expect, test } from "bun:test";
import {
  FrameParser,
  type FrameReceiver,
  type PayloadUse,
} from "../../src/apps/h3/frame_parser.ts";
import { content, frame } from "./client.ts";

const SLAB_PADDING = 5;

/** Writes down what it is told; DATA is passed on, type 0x21 skipped, the rest collected. */
class Recorder implements FrameReceiver {
  readonly log: string[] = [];
  readonly passed: number[] = [];

  onFrameHeader(type: number, payloadBytes: number): PayloadUse {
    this.log.push(`header ${type} ${payloadBytes}`);
    if (type === 0) return "pass";
    return type === 0x21 || type === Number.POSITIVE_INFINITY ? "skip" : "collect";
  }
  onFrame(type: number, memory: Uint8Array, start: number, end: number): void {
    this.log.push(`frame ${type} ${memory.slice(start, end).toHex()}`);
  }
  onPayload(memory: Uint8Array, start: number, end: number): void {
    expect(end).toBeGreaterThan(start);
    this.passed.push(...memory.subarray(start, end));
  }
}

function feed(parser: FrameParser, bytes: readonly number[]): void {
  const padding = new Array(SLAB_PADDING).fill(0xee);
  const memory = Uint8Array.from([...padding, ...bytes, ...padding]);
  parser.feed(memory, SLAB_PADDING, SLAB_PADDING + bytes.length);
  memory.fill(0xdd);
}

const STREAM = [
  ...frame(0x04, [1, 2, 3]),
  ...content([9, 8, 7, 6, 5]),
  ...frame(0x21, new Array(70).fill(1)),
  ...frame(0x01, []),
  ...content([]),
  ...content([4]),
  ...frame(0x01, new Array(100).fill(0xab)),
];

function whole(): Recorder {
  const recorder = new Recorder();
  feed(new FrameParser(recorder), STREAM);
  return recorder;
}

describe("splits", () => {
  test("whole", () => {
    const { log, passed } = whole();
    expect(passed).toEqual([9, 8, 7, 6, 5, 4]);
    expect(log).toEqual([
      "header 4 3",
      "frame 4 010203",
      "header 0 5",
      "header 33 70",
      "header 1 0",
      "frame 1 ",
      "header 0 0",
      "header 0 1",
      "header 1 100",
      `frame 1 ${"ab".repeat(100)}`,
    ]);
  });

  test("in two, at every byte", () => {
    for (let at = 0; at <= STREAM.length; at++) {
      const recorder = new Recorder();
      const parser = new FrameParser(recorder);
      feed(parser, STREAM.slice(0, at));
      feed(parser, STREAM.slice(at));
      expect(recorder).toEqual(whole());
      parser.finish();
    }
  });

  test("byte by byte", () => {
    const recorder = new Recorder();
    const parser = new FrameParser(recorder);
    for (const byte of STREAM) feed(parser, [byte]);
    expect(recorder).toEqual(whole());
    parser.finish();
  });
});

test("an end within a frame is H3_FRAME_ERROR, an end between frames is none (§7.1)", () => {
  const boundaries = [0, 5, 12, 85, 87, 89, 92, 195];
  for (let at = 0; at <= STREAM.length; at++) {
    const parser = new FrameParser(new Recorder());
    feed(parser, STREAM.slice(0, at));
    if (boundaries.includes(at)) parser.finish();
    else expect(() => parser.finish()).toThrow(expect.objectContaining({ code: 0x106 }));
  }
});

test("a reserved frame of 2^62-1 bytes is skipped for as long as it comes", () => {
  const recorder = new Recorder();
  const parser = new FrameParser(recorder);
  feed(parser, [0x21, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  const before = process.memoryUsage().heapUsed;
  const block = new Uint8Array(1 << 16).fill(1);
  for (let i = 0; i < 1000; i++) parser.feed(block, 0, block.length);
  expect(recorder.log).toEqual(["header 33 Infinity"]);
  expect(parser.midFrame).toBe(true);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 << 20);
});
