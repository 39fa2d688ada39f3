/**
 * Frames of HTTP/3 that know the grammar and break it: every type on every stream, lengths that
 * lie, varints longer than they need be, streams that end anywhere (RFC 9114 §7).
 */
import { test } from "bun:test";
import { content, GET, head, headers, text } from "../h3/client.ts";
import type { Prng } from "../support/prng.ts";
import { fuzzRounds, mutated, type Round, varint } from "./h3_rounds.ts";

/** Known, of HTTP/2 only (reserved), of extensions, greased. */
const FRAME_TYPES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0d, 0x0f, 0x21, 0x40, 0xf0700, 0xf0701];
const STREAM_TYPES = [0, 0, 0, 1, 2, 3, 0x21, 0x54, 2 ** 40];
const SETTING_IDS = [0, 1, 2, 4, 6, 7, 8, 0x21, 0x33, 0x40];
const METHODS = ["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "get", "", "A B"];
const PATHS = ["/", "/a?b", "*", "", "a", "//", "/%00", `/${"x".repeat(3000)}`];

function honest(random: Prng): number[] {
  const length = random.below(2000);
  const body = text("x".repeat(length));
  const method = { ":method": random.pick(METHODS), ":path": random.pick(PATHS) };
  switch (random.below(5)) {
    case 0:
      return headers(GET);
    case 1:
      return headers(head(method));
    case 2:
      return [...headers(head(method, [["content-length", `${length}`]])), ...content(body)];
    case 3:
      return [...headers(head(method)), ...content(body), ...headers([["x-trailer", "1"]])];
    default:
      return [...headers(head({ [random.pick(Object.keys(method))]: null })), ...content(body)];
  }
}

/** A frame whose length may be anything. */
function anyFrame(random: Prng): number[] {
  const payload = [...random.bytes(random.below(random.below(4) === 0 ? 300 : 12))];
  const lie = random.below(12);
  let length = payload.length;
  if (lie === 0) length = random.below(100);
  if (lie === 1) length = 2 ** random.below(53);
  return [...varint(random.pick(FRAME_TYPES), random), ...varint(length, random), ...payload];
}

function settings(random: Prng): number[] {
  const pairs = Array.from({ length: random.below(6) }, () => [
    ...varint(random.pick(SETTING_IDS), random),
    ...varint(random.below(2) === 0 ? random.below(100) : 2 ** random.below(53), random),
  ]).flat();
  return [0x04, ...varint(pairs.length, random), ...pairs];
}

/** GOAWAY, MAX_PUSH_ID, CANCEL_PUSH, PRIORITY_UPDATE: one identifier, and sometimes more. */
function identifierFrame(random: Prng): number[] {
  const type = random.pick([0x07, 0x0d, 0x03, 0xf0700, 0xf0701]);
  const id = varint(random.below(2) === 0 ? random.below(12) : 2 ** random.below(53), random);
  const rest = type > 0xff ? text(random.pick(["u=1", "u=9, i", "i=?2", "\u0000"])) : [];
  return [...varint(type, random), ...varint(id.length + rest.length, random), ...id, ...rest];
}

function control(random: Prng): number[] {
  const frames = Array.from({ length: random.below(5) }, () =>
    random.below(3) === 0 ? anyFrame(random) : identifierFrame(random),
  );
  return [...(random.below(8) === 0 ? [] : settings(random)), ...frames.flat()];
}

function play({ random, open, deliver }: Round): void {
  for (let streams = 1 + random.below(4); streams > 0; streams--) {
    const unidirectional = random.below(2) === 0;
    const parts: number[] = [];
    if (unidirectional) {
      const type = random.pick(STREAM_TYPES);
      parts.push(...varint(type, random), ...(type === 0 ? control(random) : anyFrame(random)));
    } else {
      for (let frames = 1 + random.below(4); frames > 0; frames--) {
        parts.push(...(random.below(3) === 0 ? anyFrame(random) : honest(random)));
      }
    }
    deliver(open(unidirectional), mutated(parts, random), random.below(4) > 0);
  }
}

test("frames: nothing escapes, nothing stays", async () => {
  await fuzzRounds("frames", play);
}, 120_000);
