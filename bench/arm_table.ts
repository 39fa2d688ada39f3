/** Figures of several arms side by side, in at most 100 columns. */
import { type Estimate, estimate, median, ratios } from "./compare.ts";
import type { Round } from "./round.ts";

export interface Figure {
  label: string;
  digits?: number;
  /** NaN: this arm has no such figure. */
  of: (round: Round) => number;
  /** Compared with the first arm's, round by round. */
  compared?: boolean;
}

export interface ArmRounds {
  name: string;
  rounds: readonly Round[];
}

export interface ArmSummary {
  /** Layout and workload. */
  part: string;
  label: string;
  arm: string;
  median: number | null;
  /** To the baseline's. */
  ratio: Estimate | null;
}

const LABEL_COLUMNS = 34;
const FIGURE_COLUMNS = 11;

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The ratio of `arm` to `baseline`, round by round. */
export function armRatio({ of }: Figure, arm: ArmRounds, baseline: ArmRounds): Estimate {
  return estimate(ratios(arm.rounds.map(of), baseline.rounds.map(of)));
}

export function summarizeArms(
  part: string,
  arms: readonly ArmRounds[],
  figures: readonly Figure[],
): ArmSummary[] {
  const baseline = arms[0]!;
  return figures.flatMap((figure) =>
    arms.map((arm) => ({
      ...{ part, label: figure.label.trim(), arm: arm.name },
      median: finite(median(arm.rounds.map(figure.of))),
      ratio: figure.compared === true && arm !== baseline ? armRatio(figure, arm, baseline) : null,
    })),
  );
}

export function ratioText({ median, low, high }: Estimate): string {
  return `${median.toFixed(3)}   [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

function comparison(figure: Figure, arms: readonly ArmRounds[]): string[] {
  const [baseline, ...others] = arms;
  const lines = others
    .map((arm) => ({ name: arm.name, ratio: armRatio(figure, arm, baseline!) }))
    .filter(({ ratio }) => Number.isFinite(ratio.low + ratio.high))
    .map(({ name, ratio }) => `    ${name.padEnd(LABEL_COLUMNS - 4)}${ratioText(ratio)}`);
  return [`  ${figure.label.trim()} to that of ${baseline?.name}   [90 % interval]`, ...lines];
}

/** Medians, and below them how each arm compares with the first. */
export function armTable(arms: readonly ArmRounds[], figures: readonly Figure[]): string {
  const head = arms.map(({ name }) => name.padStart(FIGURE_COLUMNS)).join("");
  const rows = figures.map(({ label, digits = 2, of }) => {
    const cells = arms.map(({ rounds }) => {
      const value = median(rounds.map(of));
      return (Number.isFinite(value) ? value.toFixed(digits) : "-").padStart(FIGURE_COLUMNS);
    });
    return `  ${label}`.padEnd(LABEL_COLUMNS) + cells.join("");
  });
  const compared = figures.filter((figure) => figure.compared === true);
  return [
    "".padEnd(LABEL_COLUMNS) + head,
    ...rows,
    ...compared.flatMap((figure) => comparison(figure, arms)),
  ].join("\n");
}
