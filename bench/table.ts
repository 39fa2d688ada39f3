/** Figures of two servers side by side, in at most 100 columns. */
import { type Estimate, estimate, ratios } from "./compare.ts";

export interface Row {
  label: string;
  ours: readonly number[];
  /** Absent: the peer has no such figure. */
  peer?: readonly number[];
  digits?: number;
}

export interface RowSummary {
  label: string;
  ours: number;
  peer: number | null;
  ratio: Estimate | null;
}

const LABEL_COLUMNS = 38;
const FIGURE_COLUMNS = 12;

export function summarize({ label, ours, peer }: Row): RowSummary {
  const both = peer !== undefined && peer.length > 0;
  return {
    label,
    ours: estimate(ours).median,
    peer: both ? estimate(peer).median : null,
    ratio: both ? estimate(ratios(ours, peer)) : null,
  };
}

function ratioText(ratio: Estimate | null): string {
  if (ratio === null || !Number.isFinite(ratio.low + ratio.high)) return "";
  const { median, low, high } = ratio;
  return `${median.toFixed(3).padStart(9)}   [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

/** Medians; the last columns are the median of the rounds' ratios and its 90 % interval. */
export function table(names: readonly [string, string], rows: readonly Row[]): string {
  const head =
    "".padEnd(LABEL_COLUMNS) + names.map((name) => name.padStart(FIGURE_COLUMNS)).join("");
  const lines = rows.map((row) => {
    const { ours, peer, ratio } = summarize(row);
    const figure = (value: number | null) =>
      (value === null ? "-" : value.toFixed(row.digits ?? 2)).padStart(FIGURE_COLUMNS);
    return `  ${row.label}`.padEnd(LABEL_COLUMNS) + figure(ours) + figure(peer) + ratioText(ratio);
  });
  return [`${head}    ratio   [90 % interval]`, ...lines].join("\n");
}
