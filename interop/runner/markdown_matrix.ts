/** The matrix of interop/README.md, between two markers, written from files of results. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Expected, readExpected, readResults } from "./expected.ts";
import type { Results } from "./results_file.ts";
import { type Cell, countText, rateText } from "./tally.ts";

export const README_PATH = join(import.meta.dir, "../README.md");
const BEGIN = "<!-- matrix: written by `bun run interop readme` -->";
const END = "<!-- end of the matrix -->";

/** `bun run interop readme FILE...` */
export function writeReadme(paths: readonly string[], to = README_PATH): void {
  const text = readFileSync(to, "utf8");
  const written = withMatrix(text, paths.map(readResults), readExpected());
  writeFileSync(to, written);
}

export function withMatrix(text: string, all: readonly Results[], expected: Expected): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the README has not the lines ${BEGIN} and ${END}`);
  const parts = all.map((results) => section(results, expected)).join("\n");
  return `${text.slice(0, begin)}${BEGIN}\n${parts}${text.slice(end)}`;
}

function section(results: Results, expected: Expected): string {
  const { suite, seed, runs, variant, cells } = results.quicd;
  const day = new Date(results.start_time * 1000).toISOString().slice(0, 10);
  const all = cells.flatMap(({ cases }) => cases);
  const sum = (key: "runs" | "succeeded" | "failed" | "unsupported") =>
    all.reduce((total, one) => total + one[key], 0);
  const counts = `${sum("runs")} runs: ${sum("succeeded")} succeeded, ${sum("failed")} failed`;
  const unsupported = `${sum("unsupported")} unsupported`;
  const how = `${runs} of each test in each cell, seeds from ${seed}${variant && `, ${variant}`}`;
  return [
    `### ${suite === "quic" ? "QUIC" : "WebTransport"}, ${day}`,
    "",
    `${counts}, ${unsupported} (${how}).`,
    "",
    ...table(cells),
    "",
    ...measurements(cells),
    ...known(suite, cells, expected),
  ].join("\n");
}

/** A row for each pair: wide matrices are not readable in Markdown. */
function table(cells: readonly Cell[]): string[] {
  const rows = cells.flatMap(({ server, client, cases }) => {
    const tests = cases.filter((one) => one.kind === "test" && one.outcome !== null);
    if (tests.length === 0) return [];
    const named = (outcome: string) =>
      tests
        .filter((one) => one.outcome === outcome)
        .map(countText)
        .join(" ");
    const runs = tests.reduce((total, one) => total + one.runs - one.unsupported, 0);
    const succeeded = tests.reduce((total, one) => total + one.succeeded, 0);
    const groups = ["succeeded", "failed", "unsupported"].map(named);
    return [`| ${[server, client, `${succeeded}/${runs}`, ...groups].join(" | ")} |`];
  });
  if (rows.length === 0) return [];
  const head = "| server | client | runs | succeeded | failed | unsupported |";
  return [head, "|---|---|---|---|---|---|", ...rows];
}

function measurements(cells: readonly Cell[]): string[] {
  const rows = cells.flatMap(({ server, client, cases }) =>
    cases
      .filter((one) => one.kind === "measurement" && one.outcome !== null)
      .map((one) => {
        const rate = one.outcome === "succeeded" ? rateText(one.kbitPerSecond) : one.outcome;
        return `| ${server} | ${client} | ${one.name} | ${one.succeeded}/${one.runs} | ${rate} |`;
      }),
  );
  if (rows.length === 0) return [];
  return ["| server | client | measurement | runs | rate |", "|---|---|---|---|---|", ...rows, ""];
}

/** Why what fails does; as expected.json says it. */
function known(suite: string, cells: readonly Cell[], expected: Expected): string[] {
  const lines = cells.flatMap(({ server, client, cases }) =>
    cases
      .filter((one) => one.outcome === "failed")
      .map((one) => {
        const cell = expected[suite]?.[server]?.[client];
        const said = cell?.failed[one.abbreviation] ?? cell?.varies?.[one.abbreviation];
        const why = said ?? one.reasons[0] ?? "the reason is not known";
        return `- ${server} <- ${client} ${one.name}: ${why}`;
      }),
  );
  return lines.length === 0 ? [] : ["Failures and why:", "", ...lines, ""];
}
