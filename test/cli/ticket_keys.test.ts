/** Keys of session tickets from a file: what is taken, and what is said of everything else. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { readTicketKeys } from "../../src/tls/certificate_files.ts";
import { TemporaryFolder } from "../support/server_process.ts";

function read(contents: string | Uint8Array): Uint8Array {
  using folder = new TemporaryFolder();
  const path = folder.join("keys");
  writeFileSync(path, contents);
  return readTicketKeys(path);
}

const raw = (count: number) => Uint8Array.from({ length: 48 * count }, (_, at) => at * 7);
const hex = (count: number) => {
  const lines = Array.from({ length: count }, (_, at) =>
    raw(count).subarray(at * 48, at * 48 + 48),
  );
  return lines.map((line) => line.toHex()).join("\n");
};

describe("a file of ticket keys", () => {
  test.each([1, 2, 16])("%d of them, raw and as lines of digits", (count) => {
    expect(read(raw(count))).toEqual(raw(count));
    expect(read(hex(count))).toEqual(raw(count));
    expect(read(`\n${hex(count).toUpperCase()}\n\n`)).toEqual(raw(count));
  });

  test.each([
    ["nothing", ""],
    ["17 keys", raw(17)],
    ["a byte too many", raw(2).subarray(0, 49)],
    ["80 bytes, as some servers have them", new Uint8Array(80)],
    ["a line that is too short", `${hex(1)}\nabcd`],
  ])("%s is refused, with the remedy", (_, contents) => {
    expect(() => read(contents)).toThrow(/tls\.ticket_keys_file: .*\n.*openssl rand -hex 48/);
  });

  test("one that is missing is named", () => {
    expect(() => readTicketKeys("/absent/keys")).toThrow("/absent/keys");
  });
});
