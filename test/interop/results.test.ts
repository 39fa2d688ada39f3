/** From runs to counts, tables, files and differences. */
import { describe, expect, test } from "bun:test";
import {
  differences,
  type Expected,
  readExpected,
  withResults,
} from "../../interop/runner/expected.ts";
import { htmlMatrix } from "../../interop/runner/html_matrix.ts";
import { withMatrix } from "../../interop/runner/markdown_matrix.ts";
import { resultsOf } from "../../interop/runner/results_file.ts";
import { rateText } from "../../interop/runner/tally.ts";
import { measurementMatrix, testMatrix } from "../../interop/runner/text_matrix.ts";
import { styleFor } from "../../src/cli/style.ts";
import { SAMPLE_CASES, SAMPLE_CELLS, SAMPLE_FACTS } from "./sample_results.ts";

const PLAIN = styleFor({ isTTY: false }, {});
const RESULTS = resultsOf(SAMPLE_FACTS, SAMPLE_CASES, SAMPLE_CELLS);

test("a cell succeeds when each run did, and says how many did when some did not", () => {
  const [handshake, ecn, loss] = SAMPLE_CELLS[0]!.cases;
  expect(handshake).toMatchObject({ runs: 2, succeeded: 2, outcome: "succeeded" });
  expect(ecn).toMatchObject({ runs: 2, unsupported: 2, outcome: "unsupported" });
  expect(loss).toMatchObject({ runs: 2, succeeded: 1, failed: 1, outcome: "failed" });
  expect(SAMPLE_CELLS[1]!.cases[1]).toMatchObject({ runs: 0, outcome: null });
});

test("rates as the runner words them", () => {
  expect(rateText([9500, 9540])).toBe("9520 (± 28) kbps");
  expect(rateText([9500])).toBe("9500 (± 0) kbps");
  expect(rateText([])).toBe("");
});

test("the matrix of a terminal", () => {
  expect(testMatrix(SAMPLE_CELLS, PLAIN)).toBe(`\
+-----------------+--------+-------+
| server \\ client | beta   | alpha |
+-----------------+--------+-------+
| alpha           | H      | H     |
|                 | E      | -     |
|                 | L1 1/2 | -     |
+-----------------+--------+-------+
| beta            |        | -     |
|                 |        | -     |
|                 |        | H     |
+-----------------+--------+-------+
`);
  expect(measurementMatrix(SAMPLE_CELLS, PLAIN)).toContain("| G: 9520 (± 28) kbps |");
});

test("the file has the runner's schema: for each client, for each server", () => {
  expect(RESULTS.servers).toEqual(["alpha", "beta"]);
  expect(RESULTS.clients).toEqual(["beta", "alpha"]);
  expect(RESULTS.results.map((cell) => cell.map((one) => one.result))).toEqual([
    ["succeeded", "unsupported", "failed"],
    [],
    ["succeeded", null, null],
    ["failed", null, null],
  ]);
  expect(RESULTS.measurements[0]).toEqual([
    { name: "goodput", abbr: "G", result: "succeeded", details: "9520 (± 28) kbps" },
  ]);
  expect(RESULTS.measurements[3]).toEqual([]);
  expect(RESULTS.tests.L1).toMatchObject({ name: "handshakeloss" });
  expect([RESULTS.quic_version, RESULTS.end_time - RESULTS.start_time]).toEqual(["0x1", 600]);
  expect(RESULTS.quicd.cells[0]!.cases[2]!.reasons).toEqual(["49 handshakes, not 50"]);
});

test("the page shows counts, reasons and folders, and escapes what others wrote", () => {
  const page = htmlMatrix(RESULTS);
  for (const text of ["L1 1/2", "49 handshakes, not 50", 'href="runs/alpha_beta/x/2/"'])
    expect(page).toContain(text);
  expect(page).toContain("the &lt;second&gt;");
  expect(page).not.toContain("<second>");
  expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
});

describe("what is expected", () => {
  const expected = withResults({}, RESULTS, SAMPLE_CASES);

  test("taken over from results, it is met by the same results", () => {
    expect(expected.quic!.alpha!.beta).toEqual({
      succeeded: "H G",
      unsupported: "E",
      failed: { L1: "49 handshakes, not 50" },
      rates: { G: "9330 to 9710" },
    });
    expect(differences("quic", SAMPLE_CELLS, expected)).toEqual([]);
  });

  test("a failure that is known keeps its words; what was not run stays", () => {
    const known: Expected = structuredClone(expected);
    known.quic!.alpha!.beta!.failed.L1 = "because";
    known.quic!.gamma = { beta: { succeeded: "H", unsupported: "", failed: {} } };
    const merged = withResults(known, RESULTS, SAMPLE_CASES);
    expect(merged.quic!.alpha!.beta!.failed.L1).toBe("because");
    expect(merged.quic!.gamma).toEqual(known.quic!.gamma);
  });

  test("what varies may succeed and fail, and stays in its group", () => {
    const known: Expected = structuredClone(expected);
    const cell = known.quic!.alpha!.beta!;
    Object.assign(cell, { succeeded: "", failed: {}, varies: { H: "a", L1: "b", G: "c" } });
    expect(differences("quic", SAMPLE_CELLS, known)).toEqual([]);
    expect(withResults(known, RESULTS, SAMPLE_CASES).quic!.alpha!.beta).toEqual(cell);
    cell.unsupported = "";
    expect(differences("quic", SAMPLE_CELLS, known)).toEqual([
      "alpha <- beta: nothing is expected yet of E",
    ]);
  });

  test("a rate beyond its bounds is told, whichever way, and bounds stay as they are", () => {
    for (const bounds of ["9600 to 9700", "9300 to 9400"]) {
      const known: Expected = structuredClone(expected);
      known.quic!.alpha!.beta!.rates = { G: bounds };
      expect(differences("quic", SAMPLE_CELLS, known)).toEqual([
        `alpha <- beta goodput: 9520 (± 28) kbps; expected: ${bounds} kbps`,
      ]);
      const merged = withResults(known, RESULTS, SAMPLE_CASES);
      expect(merged.quic!.alpha!.beta!.rates).toEqual({ G: bounds });
    }
  });

  test("every difference is told: worse, better, and what nobody thought of", () => {
    const other: Expected = structuredClone(expected);
    Object.assign(other.quic!.alpha!.beta!, { succeeded: "L1", failed: { H: "a known fault" } });
    delete other.quic!.beta;
    expect(differences("quic", SAMPLE_CELLS, other)).toEqual([
      "alpha <- beta handshake: succeeded (2 of 2 runs succeeded); " +
        "expected: failed (a known fault)",
      "alpha <- beta handshakeloss: failed (1 of 2 runs succeeded): 49 handshakes, not 50; " +
        "expected: succeeded",
      "alpha <- beta: nothing is expected yet of G",
      "beta <- alpha: nothing is expected yet of H",
    ]);
  });

  test("the committed file has three groups without overlap in each cell", () => {
    for (const servers of Object.values(readExpected())) {
      for (const cell of Object.values(servers).flatMap((clients) => Object.values(clients))) {
        const words = [cell.succeeded, cell.unsupported].flatMap((text) => text.split(" "));
        const more = Object.keys({ ...cell.failed, ...cell.varies });
        const all = [...words, ...more].filter((word) => word !== "");
        expect(all).toEqual([...new Set(all)]);
        for (const rate of Object.values(cell.rates ?? {})) expect(rate).toMatch(/^\d+ to \d+$/);
      }
    }
  });
});

test("the README's part is written between its markers, and once more the same", () => {
  const text =
    "before\n<!-- matrix: written by `bun run interop readme` -->\nold\n" +
    "<!-- end of the matrix -->\nafter\n";
  const known = withResults({}, RESULTS, SAMPLE_CASES);
  const written = withMatrix(text, [RESULTS], known);
  expect(written).toStartWith("before\n<!-- matrix");
  expect(written).toEndWith("<!-- end of the matrix -->\nafter\n");
  expect(written).not.toContain("old");
  expect(written).toContain("### QUIC, 2026-01-02");
  expect(written).toContain("10 runs: 6 succeeded, 2 failed, 2 unsupported");
  expect(written).toContain("| alpha | beta | 3/4 | H | L1 1/2 | E |");
  expect(written).toContain("| alpha | beta | goodput | 2/2 | 9520 (± 28) kbps |");
  expect(written).toContain("- alpha <- beta handshakeloss: 49 handshakes, not 50");
  expect(withMatrix(written, [RESULTS], known)).toBe(written);
});
