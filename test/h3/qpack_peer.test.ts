/**
 * QPACK against an independent codec, pylsqpack (the one in LiteSpeed's HTTP/3): what it encodes we
 * decode, what we encode it decodes. Skips, and says why, where the aioquic peer or
 * PYLSQPACK_PYTHON lacks it.
 */
import { expect, test } from "bun:test";
import { FieldSectionDecoder } from "../../src/apps/h3/qpack/field_section_decoder.ts";
import { STATIC_NAMES, STATIC_VALUES } from "../../src/apps/h3/qpack/static_table.ts";
import { Prng } from "../support/prng.ts";
import { section } from "./client.ts";

/**
 * Reads lists of pairs, and our sections in hexadecimal; writes its sections, and what it decoded
 * of ours.
 */
const PEER = `
import json, sys, pylsqpack
given = json.load(sys.stdin)
encoder, decoder = pylsqpack.Encoder(), pylsqpack.Decoder(0, 0)
encoder.apply_settings(0, 0)
latin = lambda pairs: [(n.encode("latin1"), v.encode("latin1")) for n, v in pairs]
theirs = [encoder.encode(4 * i, latin(fields))[1].hex() for i, fields in enumerate(given["fields"])]
ours = [decoder.feed_header(4 * i, bytes.fromhex(s))[1] for i, s in enumerate(given["sections"])]
text = lambda pairs: [[n.decode("latin1"), v.decode("latin1")] for n, v in pairs]
json.dump({"theirs": theirs, "ours": [text(fields) for fields in ours]}, sys.stdout)
`;

const python =
  process.env.PYLSQPACK_PYTHON ?? `${import.meta.dir}/../../build/peers/aioquic/venv/bin/python`;
const available =
  (await Bun.file(python).exists()) &&
  Bun.spawnSync([python, "-c", "import pylsqpack"], { stderr: "ignore" }).exitCode === 0;
if (!available) console.log(`skipped: no pylsqpack in ${python}`);

test.skipIf(!available)("both directions agree over random and static fields", () => {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  const list = Array.from({ length: 400 }, () =>
    Array.from({ length: 1 + random.below(15) }, (): [string, string] => {
      const index = random.below(99);
      if (random.below(3) === 0) return [STATIC_NAMES[index]!, STATIC_VALUES[index]!];
      const value = Array.from({ length: random.below(120) }, () =>
        String.fromCharCode(32 + random.below(95)),
      ).join("");
      return [
        random.below(2) === 0 ? STATIC_NAMES[index]! : `x-${random.next().toString(36)}`,
        value,
      ];
    }),
  );
  list.push(STATIC_NAMES.map((name, i): [string, string] => [name, STATIC_VALUES[i]!]));
  const sections = list.map((fields) => Buffer.from(section(fields)).toString("hex"));
  const { stdout, stderr } = Bun.spawnSync([python, "-c", PEER], {
    stdin: Buffer.from(JSON.stringify({ fields: list, sections })),
  });
  expect(stderr.toString()).toBe("");
  const { theirs, ours } = JSON.parse(stdout.toString()) as {
    theirs: string[];
    ours: [string, string][][];
  };
  expect(ours).toEqual(list);
  const decoder = new FieldSectionDecoder(1 << 20);
  theirs.forEach((hex, i) => {
    const bytes = Uint8Array.fromHex(hex);
    const { names, values } = decoder.decode(bytes, 0, bytes.length);
    expect(names.map((name, k) => [name, values[k]!])).toEqual(list[i]!);
  });
});
