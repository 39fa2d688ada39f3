/** How the report of `quicd doctor` looks. */
import { expect, test } from "bun:test";
import type { Line } from "../../src/cli/doctor/line.ts";
import { reportText } from "../../src/cli/doctor/report.ts";
import { styleFor } from "../../src/cli/style.ts";

const LINES: Line[] = [
  { name: "one", verdict: "ok", found: "good", remedy: "" },
  { name: "another", verdict: "warning", found: "word ".repeat(20).trim(), remedy: "a b\nc" },
  { name: "third", verdict: "not checked", found: "why", remedy: "" },
];
const plain = styleFor({ isTTY: false }, {});

test("is aligned, and breaks what was found but no remedy", () => {
  const long = "x".repeat(120);
  const lines: Line[] = [...LINES, { name: "x", verdict: "problem", found: "bad", remedy: long }];
  expect(reportText(lines, "closing", plain)).toBe(
    [
      "  one      ok           good",
      `  another  warning      ${"word ".repeat(15).trim()}`,
      `                        ${"word ".repeat(5).trim()}`,
      "           -> a b",
      "           -> c",
      "  third    not checked  why",
      "  x        problem      bad",
      `           -> ${long}`,
      "",
      "closing",
      "",
    ].join("\n"),
  );
});

test("says how long a change lasts, when it proposes one", () => {
  const remedy = "sudo sysctl -w net.core.rmem_max=1";
  const text = reportText([{ name: "a", verdict: "warning", found: "b", remedy }], "end", plain);
  expect(text).toContain("/etc/sysctl.d");
  expect(text).not.toContain("ethtool");
  expect(reportText(LINES, "end", plain)).not.toContain("/etc/sysctl.d");
});

test("has colours on a terminal, and the same words", () => {
  const coloured = reportText(LINES, "closing", styleFor({ isTTY: true }, {}));
  expect(coloured).toContain("\x1b[32mok\x1b[39m");
  expect(coloured).toContain("\x1b[33mwarning\x1b[39m");
  expect(Bun.stripANSI(coloured)).toBe(reportText(LINES, "closing", plain));
});
