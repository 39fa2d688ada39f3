/**
 * Question: what does it cost to cut a stream into frames, for a small response in one chunk and
 * for content in chunks that do not end where frames do?
 *
 * Budget: 0.1 us for the small response; for content 0.05 us for each chunk of 16 KiB, whose bytes
 * are passed on and not looked at.
 */
import { bench, run } from "mitata";
import { encodeFrameHeader, FrameType } from "../../src/apps/h3/frame.ts";
import { FrameParser, type FrameReceiver } from "../../src/apps/h3/frame_parser.ts";

const CHUNK_BYTES = 16_384;
const CHUNKS = process.env.SMOKE === "1" ? 4 : 256;
const FRAME_BYTES = 60_000;

class Counter implements FrameReceiver {
  frames = 0;
  bytes = 0;
  onFrameHeader(type: number): "collect" | "pass" {
    return type === FrameType.Data ? "pass" : "collect";
  }
  onFrame(): void {
    this.frames++;
  }
  onPayload(_memory: Uint8Array, start: number, end: number): void {
    this.bytes += end - start;
  }
}

function frame(type: number, payloadBytes: number): Uint8Array {
  const header = new Uint8Array(16);
  const end = encodeFrameHeader(type, payloadBytes, header, 0);
  return Buffer.concat([header.subarray(0, end), new Uint8Array(payloadBytes)]);
}

const receiver = new Counter();
const parser = new FrameParser(receiver);

const small = Buffer.concat([frame(FrameType.Headers, 40), frame(FrameType.Data, 13)]);
bench("HEADERS and DATA of 13 bytes in one chunk", () => {
  receiver.frames = 0;
  receiver.bytes = 0;
  parser.feed(small, 0, small.length);
  parser.finish();
  if (receiver.frames !== 1 || receiver.bytes !== 13) throw new Error("not what was fed");
});

const frames = Math.floor((CHUNK_BYTES * CHUNKS) / FRAME_BYTES);
const content = Buffer.concat(
  Array.from({ length: frames }, () => frame(FrameType.Data, FRAME_BYTES)),
);
bench(`${frames} DATA frames of ${FRAME_BYTES} bytes in chunks of 16 KiB`, () => {
  receiver.bytes = 0;
  for (let at = 0; at < content.length; at += CHUNK_BYTES) {
    parser.feed(content, at, Math.min(at + CHUNK_BYTES, content.length));
  }
  parser.finish();
  if (receiver.bytes !== frames * FRAME_BYTES) throw new Error("not what was fed");
});

await run({ format: process.argv.includes("--json") ? "json" : "mitata", throw: true });
