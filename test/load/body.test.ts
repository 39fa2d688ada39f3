/** Bodies: what is known of them, and what is written. */
import { describe, expect, test } from "bun:test";
import { Latency } from "../../src/load/latency.ts";
import { PATTERN_PERIOD } from "../../src/load/pattern.ts";
import { PayloadWriter } from "../../src/load/payload.ts";
import type { Expectation } from "../../src/load/plan.ts";
import { Reference } from "../../src/load/reference.ts";
import type { SendStream } from "../../src/transport/stream.ts";

function patternBytes(count: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: count }, (_, i) => (i % 251) ^ ((i / 251) & 0xff)));
}

/** The whole body, cut into pieces of so many bytes somewhere in a larger memory. */
function judged(expect: Expectation, body: Uint8Array, pieceBytes: number): boolean {
  const reference = new Reference(expect);
  const memory = Buffer.concat([Buffer.alloc(5, 0xaa), body, Buffer.alloc(5, 0xaa)]);
  for (let at = 0; at < body.length; at += pieceBytes) {
    const end = Math.min(body.length, at + pieceBytes);
    if (!reference.matches(at, memory, 5 + at, 5 + end)) return false;
  }
  return reference.length < 0 || reference.length === body.length;
}

describe.each([1, 7, 32, 33, 16_384])("in pieces of %d bytes", (pieceBytes) => {
  const body = patternBytes(pieceBytes < 10 ? 1000 : 2 * PATTERN_PERIOD + 77);
  const wrong = Buffer.from(body);
  wrong[wrong.length - 1]! ^= 1;

  test.each([
    [{ kind: "pattern" }, body, true],
    [{ kind: "pattern" }, wrong, false],
    [{ kind: "pattern" }, body.subarray(1), false],
    [{ kind: "content", content: body }, body, true],
    [{ kind: "content", content: body }, wrong, false],
    [{ kind: "content", content: body }, body.subarray(0, -1), false],
    [{ kind: "content", content: body.subarray(0, -1) }, body, false],
    [{ kind: "length", bytes: body.length }, wrong, true],
    [{ kind: "length", bytes: body.length - 1 }, body, false],
    [{ kind: "any" }, wrong, true],
  ] as [Expectation, Buffer, boolean][])("%o", (expectation, given, good) => {
    expect(judged(expectation, given, pieceBytes)).toBe(good);
  });
});

test.each([0, 1, 100, 65_536, 65_537, 200_000])(
  "a payload of %d bytes arrives whole through any stream",
  (bytes) => {
    const prefix = Buffer.from("head");
    const taken: Buffer[] = [];
    let fin = false;
    let room = 0;
    const send = {
      tryWrite(piece: Uint8Array, last: boolean): number {
        const count = Math.min(room, piece.length);
        taken.push(Buffer.from(piece.subarray(0, count)));
        room -= count;
        fin = last && count === piece.length;
        return count;
      },
    } as unknown as SendStream;
    const writer = new PayloadWriter(prefix, bytes);
    for (const turn of [0, 1]) {
      taken.length = 0;
      writer.begin();
      fin = false;
      for (room = 3 + turn; !writer.write(send); room = 9_999) expect(fin).toBe(false);
      expect(fin).toBe(true);
      expect(Buffer.concat(taken)).toEqual(Buffer.concat([prefix, patternBytes(bytes)]));
    }
  },
);

test("latencies of several threads are added up", () => {
  const sum = new Latency();
  for (const ms of [1, 100]) {
    const part = new Latency();
    for (let i = 0; i < 99; i++) part.record(ms);
    sum.add(part.encode());
  }
  const { p50, p99, max } = sum.summary()!;
  expect(p50 / 1000).toBeCloseTo(1, 2);
  expect(p99 / 100_000).toBeCloseTo(1, 2);
  expect(max / 100_000).toBeCloseTo(1, 2);
  expect(new Latency().summary()).toBeNull();
});
