/** The matrix as the runner prints it: rows are servers, columns clients. */

import type { Style } from "../../src/cli/style.ts";
import type { Outcome } from "../cases/case.ts";
import { type CaseTally, type Cell, countText, rateText } from "./tally.ts";

const ORDER: readonly Outcome[] = ["succeeded", "unsupported", "failed"];

/** Three lines in each cell: succeeded, unsupported, failed. "" without cases of that kind. */
export function testMatrix(cells: readonly Cell[], style: Style): string {
  return matrix(cells, "test", (cases) =>
    ORDER.map((outcome) => {
      const named = cases.filter((one) => one.outcome === outcome).map(countText);
      return paint(style, outcome)(named.join(" ") || "-");
    }),
  );
}

/** A line for each measurement, with mean and standard deviation. "" without any. */
export function measurementMatrix(cells: readonly Cell[], style: Style): string {
  return matrix(cells, "measurement", (cases) =>
    cases
      .filter((one) => one.outcome !== null)
      .map((one) => {
        const rate = one.outcome === "succeeded" ? `: ${rateText(one.kbitPerSecond)}` : "";
        return paint(style, one.outcome)(`${countText(one)}${rate}`);
      }),
  );
}

function paint(style: Style, outcome: Outcome | null): (text: string) => string {
  if (outcome === "succeeded") return style.green;
  return outcome === "failed" ? style.red : style.dim;
}

function matrix(
  cells: readonly Cell[],
  kind: CaseTally["kind"],
  linesOf: (cases: readonly CaseTally[]) => string[],
): string {
  if (!cells.some(({ cases }) => cases.some((one) => one.kind === kind))) return "";
  const servers = [...new Set(cells.map(({ server }) => server))];
  const clients = [...new Set(cells.map(({ client }) => client))];
  const rows = servers.map((server) => [
    [server],
    ...clients.map((client) => {
      const cell = cells.find((one) => one.server === server && one.client === client);
      return cell ? linesOf(cell.cases.filter((one) => one.kind === kind)) : [];
    }),
  ]);
  return table([[["server \\ client"], ...clients.map((client) => [client])], ...rows]);
}

/** Rows of cells of lines, with rules between all of them. */
function table(rows: readonly (readonly (readonly string[])[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.flatMap((row) => (row[column] ?? []).map(visibleLength)), 1),
  );
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const lines = rows.flatMap((row) => {
    const height = Math.max(...row.map((cell) => cell.length), 1);
    const printed = Array.from({ length: height }, (_, line) => {
      const parts = row.map((cell, column) => padded(cell[line] ?? "", widths[column] ?? 1));
      return `| ${parts.join(" | ")} |`;
    });
    return [...printed, rule];
  });
  return `${[rule, ...lines].join("\n")}\n`;
}

/** Without the codes of colours. */
function visibleLength(text: string): number {
  return [...text.replaceAll(/\x1b\[\d+m/g, "")].length;
}

function padded(text: string, width: number): string {
  return text + " ".repeat(width - visibleLength(text));
}
