/**
 * Frame headers, RFC 9114 §7.1 and §7.2.8.
 *
 * A stream delivers bytes in any split, so each header is also fed as every one of its prefixes:
 * all must report "incomplete" and leave no trace.
 */
import { describe, expect, test } from "bun:test";
import {
  decodeFrameHeader,
  encodeFrameHeader,
  FrameType,
  frameHeaderBytes,
} from "../../src/apps/h3/frame.ts";
import { ByteCursor, HUGE } from "../../src/wire/cursor.ts";

const untouched = () => ({ type: -1, payloadBytes: -1 });
const LARGEST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

describe.each([
  { name: "empty DATA", bytes: [0x00, 0x00], type: FrameType.Data, payloadBytes: 0 },
  { name: "2-byte size", bytes: [0x01, 0x7b, 0xbd], type: FrameType.Headers, payloadBytes: 15293 },
  { name: "overlong type", bytes: [0x40, 0x04, 0x06], type: FrameType.Settings, payloadBytes: 6 },
  { name: "grease (§7.2.8)", bytes: [0x21, 0x03], type: 0x21, payloadBytes: 3 },
  { name: "the largest", bytes: [...LARGEST, ...LARGEST], type: HUGE, payloadBytes: HUGE },
])("$name", ({ bytes, type, payloadBytes }) => {
  test("decodes and stops at the payload", () => {
    const cursor = new ByteCursor(Uint8Array.from(bytes));
    const header = untouched();
    expect(decodeFrameHeader(cursor, header)).toBe(true);
    expect(header).toEqual({ type, payloadBytes });
    expect(cursor.offset).toBe(bytes.length);
  });

  test.each(bytes.map((_, size) => size))("is incomplete after %i bytes", (size) => {
    const cursor = new ByteCursor(Uint8Array.from(bytes.slice(0, size)));
    const header = untouched();
    expect(decodeFrameHeader(cursor, header)).toBe(false);
    expect(header).toEqual(untouched());
    expect(cursor.offset).toBe(0);
  });
});

test.each([0x02, 0x06, 0x08, 0x09])("HTTP/2 type %i is H3_FRAME_UNEXPECTED", (type) => {
  const decode = () => decodeFrameHeader(new ByteCursor(Uint8Array.of(type, 0)), untouched());
  expect(decode).toThrow(expect.objectContaining({ code: 0x105, scope: "connection" }));
});

test("no other type below 64 is refused here", () => {
  for (let type = 0; type < 64; type++) {
    if ([0x02, 0x06, 0x08, 0x09].includes(type)) continue;
    expect(decodeFrameHeader(new ByteCursor(Uint8Array.of(type, 0)), untouched())).toBe(true);
  }
});

test.each([0, 63, 64, 16383, 16384, 2 ** 40])(
  "a header for %i bytes comes back",
  (payloadBytes) => {
    const memory = new Uint8Array(16);
    const end = encodeFrameHeader(FrameType.Data, payloadBytes, memory, 0);
    expect(end).toBe(frameHeaderBytes(FrameType.Data, payloadBytes));
    const header = untouched();
    decodeFrameHeader(new ByteCursor(memory), header);
    expect(header).toEqual({ type: 0, payloadBytes });
  },
);
