/**
 * Writes huffman_table.gen.ts from the code table of RFC 7541 Appendix B:
 *
 *     bun src/apps/h3/qpack/gen_huffman.ts rfc7541.xml
 *
 * Takes the XML or the text form of the RFC. The check is that the 257 codes form a complete prefix
 * code (Kraft's sum is 1), which a missed or misread line can't survive.
 */
import { assert } from "../../../assert.ts";

const SYMBOLS = 257;
const CODES_PER_LINE = 8;
/** `'0' ( 48)  |00000    0  [ 5]`: symbol, code in hexadecimal, length in bits. */
const ROW = /\(\s*(\d+)\)\s+\|[01|]+\s+([0-9a-f]+)\s+\[\s*(\d+)\]/g;

function table(name: string, values: readonly string[]): string {
  const lines: string[] = [];
  for (let i = 0; i < values.length; i += CODES_PER_LINE) {
    lines.push(`  ${values.slice(i, i + CODES_PER_LINE).join(", ")},`);
  }
  return `export const ${name}: readonly number[] = [\n${lines.join("\n")}\n];\n`;
}

export function generate(rfc: string): string {
  const codes: string[] = [];
  const lengths: string[] = [];
  let kraft = 0;
  for (const [, symbol, code, bits] of rfc.matchAll(ROW)) {
    assert(Number(symbol) === codes.length, `symbol ${symbol} at row ${codes.length}`);
    codes.push(`0x${code}`);
    lengths.push(bits!);
    kraft += 2 ** -Number(bits);
  }
  assert(codes.length === SYMBOLS, `${codes.length} codes`);
  assert(kraft === 1, `Kraft sum ${kraft}`);
  return [
    "/** RFC 7541 Appendix B, by gen_huffman.ts: do not edit. The last symbol, 256, is EOS. */\n",
    table("HUFFMAN_CODES", codes),
    "/** Bits of each code. */",
    table("HUFFMAN_BITS", lengths),
  ].join("\n");
}

if (import.meta.main) {
  const target = new URL("huffman_table.gen.ts", import.meta.url);
  await Bun.write(target, generate(await Bun.file(process.argv[2]!).text()));
}
