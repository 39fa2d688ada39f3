/** What is pinned has no weakness that we know of; and the list that says so can say otherwise. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { affected, isAffected, pinnedCrates, readKnown } from "./advisories.ts";

const known = readKnown();
const pins = pinnedCrates();

describe("known weaknesses", () => {
  test("nothing that is pinned has one", () => {
    expect(affected(pins, known)).toEqual([]);
  });

  test("an old lock file has several", () => {
    const lock = [
      '[[package]]\nname = "quiche"\nversion = "0.24.4"\n',
      '[[package]]\nname = "slab"\nversion = "0.4.10"\nsource = "x"\n',
    ].join("\n");
    const lines = affected(pinnedCrates(lock), known);
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe(
      "quiche 0.24.4: CVE-2025-7054, an endless loop over connection IDs that are retired; " +
        "mended in 0.24.5",
    );
    expect(lines.at(-1)).toStartWith("slab 0.4.10: RUSTSEC-2025-0047");
  });

  test.each(known)("$id of $package: its last version is affected, the next one is not", (one) => {
    expect(isAffected(one.last, one)).toBe(true);
    expect(isAffected(one.fixed, one)).toBe(false);
  });

  test("the lock file is read whole, and has the crates that the list is about", () => {
    const text = readFileSync(join(import.meta.dir, "../../native/quiche/Cargo.lock"), "utf8");
    expect(pins).toHaveLength(text.split("[[package]]").length - 1);
    const names = new Set(pins.map(({ name }) => name));
    for (const name of ["quiche", "boring", "boring-sys"]) expect(names.has(name)).toBe(true);
    expect(known.filter((one) => !names.has(one.package))).toEqual([]);
  });

  test("what is not an advisory is refused", () => {
    expect(() => readKnown('[{"package":"quiche","id":"x"}]')).toThrow();
  });
});
