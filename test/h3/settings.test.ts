/** The SETTINGS frame, RFC 9114 §7.2.4 and §7.2.4.1, RFC 9204 §5. */
import { expect, test } from "bun:test";
import { decodeSettings, encodeSettings } from "../../src/apps/h3/settings.ts";
import { ByteCursor, HUGE } from "../../src/wire/cursor.ts";

const decode = (bytes: readonly number[]) =>
  decodeSettings(Uint8Array.from(bytes), 0, bytes.length);
const LARGEST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

test("ours: table capacity 0, blocked streams 0, the size limit, and one reserved setting", () => {
  const memory = new Uint8Array(64);
  const cursor = new ByteCursor(memory, 0, encodeSettings(32768, memory, 0));
  expect(cursor.tryReadVarint()).toBe(0x04);
  expect(cursor.tryReadVarint()).toBe(cursor.remaining);
  const found = new Map<number, number>();
  while (cursor.remaining > 0) found.set(cursor.tryReadVarint(), cursor.tryReadVarint());
  expect([found.get(0x01), found.get(0x06), found.get(0x07)]).toEqual([0, 32768, 0]);
  const others = [...found.keys()].filter((id) => ![1, 6, 7].includes(id));
  expect(others.map((id) => (id - 0x21) % 0x1f)).toEqual([0]);
});

test.each([
  { name: "none", bytes: [], expected: HUGE },
  { name: "a size", bytes: [0x06, 0x44, 0x00], expected: 1024 },
  { name: "unknown ones", bytes: [0x40, 0x50, 0x01, 0x33, 0x01, 0x06, 0x10], expected: 16 },
  {
    name: "HUGE ids twice, which may differ",
    bytes: [...LARGEST, 0, ...LARGEST, 0],
    expected: HUGE,
  },
  { name: "a HUGE value", bytes: [0x06, ...LARGEST], expected: HUGE },
])("$name", ({ bytes, expected }) => {
  expect(decode(bytes).maxFieldSectionBytes).toBe(expected);
});

test.each([0x00, 0x02, 0x03, 0x04, 0x05])("HTTP/2 setting %i is H3_SETTINGS_ERROR", (id) => {
  expect(() => decode([id, 0])).toThrow(expect.objectContaining({ code: 0x109 }));
});

test.each([[[0x06, 1, 0x06, 1]], [[0x33, 0, 0x06, 1, 0x33, 1]]])(
  "duplicate %p is 0x109",
  (bytes) => {
    expect(() => decode(bytes)).toThrow(expect.objectContaining({ code: 0x109 }));
  },
);

test.each([[[0x06]], [[0x40]], [[0x06, 0x40]], [[0x06, 0x01, 0x07]]])(
  "truncated %p is H3_FRAME_ERROR",
  (bytes) => {
    expect(() => decode(bytes)).toThrow(expect.objectContaining({ code: 0x106 }));
  },
);
