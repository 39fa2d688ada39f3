/**
 * The cursor reads what is its own and nothing after `end`, where a slab holds other connections'
 * bytes.
 */
import { expect, test } from "bun:test";
import { ByteCursor, INCOMPLETE } from "../../src/wire/cursor.ts";

test("bytes are read in order up to the end", () => {
  const cursor = new ByteCursor(Uint8Array.of(9, 1, 2, 9), 1, 3);
  expect(cursor.remaining).toBe(2);
  expect([cursor.tryReadByte(), cursor.tryReadByte(), cursor.tryReadByte()]).toEqual([
    1,
    2,
    INCOMPLETE,
  ]);
  expect(cursor.remaining).toBe(0);
});

test("a cursor that is set anew forgets what it had", () => {
  const cursor = new ByteCursor(Uint8Array.of(1), 0);
  cursor.tryReadByte();
  cursor.set(Uint8Array.of(5, 6, 7), 1, 3);
  expect(cursor.tryReadByte()).toBe(6);
});

test("the whole memory is the default", () => {
  expect(new ByteCursor(new Uint8Array(5)).remaining).toBe(5);
});
