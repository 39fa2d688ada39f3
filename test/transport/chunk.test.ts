/**
 * Leases: each retain and slice is one, each is released once; debug mode makes late reads visible.
 */
import { expect, test } from "bun:test";
import { Fixture, FLAG_OPENED } from "./fixture.ts";

function received(text: string, poison = false) {
  const fixture = new Fixture(undefined, undefined, { poison });
  const connection = fixture.connect();
  connection.onStreamHook = (stream) => {
    stream.keep = true;
  };
  fixture.receive(text, { flags: FLAG_OPENED });
  fixture.turn();
  return { fixture, native: fixture.native, chunk: connection.streams[0]!.chunks[0]! };
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test("slices are leases of their own on part of the bytes", () => {
  const { native, chunk } = received("abcdef");
  const middle = chunk.slice(2, 5);
  const end = middle.slice(1);
  expect([text(middle.bytes()), text(end.bytes()), end.length]).toEqual(["cde", "de", 2]);
  expect(native.leases()).toBe(3);
  chunk.release();
  middle.release();
  expect(text(end.unsafeView())).toBe("de");
  end.release();
  native.expectNoLeases();
});

test.each([
  [-1, 2],
  [2, 1],
  [0, 7],
  [7, 7],
])("slice(%d, %d) of 6 bytes is out of range", (start, end) => {
  const { chunk } = received("abcdef");
  expect(() => chunk.slice(start, end)).toThrow(RangeError);
});

test("copyTo copies what fits", () => {
  const { chunk } = received("abcdef");
  const target = new Uint8Array(8);
  expect(chunk.copyTo(target, 5)).toBe(3);
  expect(text(target.subarray(5))).toBe("abc");
  expect(chunk.copyTo(target, 9)).toBe(0);
});

test("a chunk is released once and unusable afterwards", () => {
  const { native, chunk } = received("abc");
  chunk.release();
  native.expectNoLeases();
  expect(() => chunk.release()).toThrow("twice");
  expect(() => chunk.bytes()).toThrow("after its release");
  expect(() => chunk.retain()).toThrow("after its release");
});

test("bytes() is a copy", () => {
  const { chunk } = received("abc");
  const copy = chunk.bytes();
  expect(copy.buffer).not.toBe(chunk.unsafeView().buffer);
});

test("QUICD_DEBUG_LEASES: private bytes, overwritten at release, no lease held", () => {
  const { native, chunk } = received("abc", true);
  native.expectNoLeases();
  const late = chunk.unsafeView();
  const slice = chunk.slice(1);
  expect(text(late)).toBe("abc");
  expect(late.buffer.byteLength).toBe(3);
  chunk.release();
  expect([...late]).toEqual([0xdb, 0xdb, 0xdb]);
  expect(text(slice.bytes())).toBe("bc");
});

test("QUICD_DEBUG_LEASES: such chunks are still written, by one copy", () => {
  const { fixture, native, chunk } = received("abc", true);
  const { send } = fixture.connections[0]!.streams[0]!.stream;
  native.setCredit(0, 0, 100);
  expect(send!.tryWriteChunk(chunk)).toBe(true);
  const [command] = native.consume(0);
  expect(text(native.payload(command!))).toBe("abc");
  native.expectNoLeases();
});
