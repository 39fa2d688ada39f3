/**
 * Question: what do field sections cost, of a browser's request and of a small response, written
 * and read?
 *
 * Budget: 2.5 us to write and 1 us to read a request of ten fields that was never seen. What
 * repeats is remembered as bytes (head_reader.ts); h3_request.bench.ts has what that costs.
 */
import { bench, run } from "mitata";
import { FieldSectionDecoder } from "../../src/apps/h3/qpack/field_section_decoder.ts";
import {
  encodeFieldLine,
  encodeSectionPrefix,
} from "../../src/apps/h3/qpack/field_section_encoder.ts";

type Fields = readonly (readonly [name: string, value: string])[];

const SECTIONS: Record<string, Fields> = {
  request: [
    [":method", "GET"],
    [":scheme", "https"],
    [":authority", "www.example.org"],
    [":path", "/assets/app.4f1c9b.js?v=3"],
    ["user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
    ["accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
    ["accept-language", "en-GB,en;q=0.5"],
    ["accept-encoding", "gzip, deflate, br, zstd"],
    ["cookie", "session=5b0c1d2e3f405162738495a6b7c8d9ea"],
    ["priority", "u=0, i"],
  ],
  response: [
    [":status", "200"],
    ["content-type", "text/plain;charset=utf-8"],
    ["date", "Mon, 23 Nov 2026 12:00:00 GMT"],
    ["content-length", "13"],
  ],
};
const memory = new Uint8Array(4096);
const decoder = new FieldSectionDecoder(64 * 1024);

function encode(fields: Fields): number {
  let end = encodeSectionPrefix(memory, 0);
  for (const [name, value] of fields) end = encodeFieldLine(name, value, memory, end);
  return end;
}

for (const [name, fields] of Object.entries(SECTIONS)) {
  bench(`write a ${name}`, () => {
    if (encode(fields) < fields.length) throw new Error("too short");
  });
  const bytes = memory.slice(0, encode(fields));
  bench(`read a ${name}`, () => {
    const { names } = decoder.decode(bytes, 0, bytes.length);
    if (names.length !== fields.length) throw new Error(`${names.length} fields`);
  });
}

await run({ format: process.argv.includes("--json") ? "json" : "mitata", throw: true });
