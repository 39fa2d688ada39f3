/** Counts of tests, and the places they are read from: JUnit files and closing lines. */

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export const EMPTY: Readonly<Tally> = { passed: 0, failed: 0, skipped: 0 };

export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** The line that people and continuous integration read. */
export function closingLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

/** The last closing line in a program's output, or null when it printed none. */
export function readClosingLine(output: string): Tally | null {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)];
  const last = lines.at(-1);
  if (last === undefined) return null;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) };
}

export interface JunitReport {
  tally: Tally;
  skippedNames: string[];
}

/**
 * Reads what `bun test --reporter=junit` wrote; null when it is no such report (the run crashed
 * before it was written). Counts test cases and not the sums in the file's head.
 */
export function readJunit(xml: string): JunitReport | null {
  if (!xml.includes("<testsuites")) return null;
  const report: JunitReport = { tally: { ...EMPTY }, skippedNames: [] };
  for (const [, attributes, selfClosed, body] of xml.matchAll(
    /<testcase\b([^>]*?)(?:(\/)>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const inner = selfClosed ? "" : (body ?? "");
    if (/<(failure|error)\b/.test(inner)) {
      report.tally.failed++;
    } else if (/<skipped\b/.test(inner)) {
      report.tally.skipped++;
      report.skippedNames.push(attribute(attributes ?? "", "name"));
    } else {
      report.tally.passed++;
    }
  }
  return report;
}

function attribute(attributes: string, name: string): string {
  const raw = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  const entities = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return raw.replace(/&(lt|gt|quot|apos|amp);/g, (_, key: keyof typeof entities) => entities[key]);
}

/** Why tests were skipped: they print `SKIP reason: ...`, so that a skip never goes unseen. */
export function readSkipReasons(output: string): string[] {
  const reasons = [...output.matchAll(/^\s*SKIP reason: (.+)$/gm)].map((match) => match[1] ?? "");
  return [...new Set(reasons.map((reason) => reason.trim()))];
}

/** The result of a step that has no count of its own. */
export function countByExit(exitCode: number): Tally {
  return exitCode === 0
    ? { passed: 1, failed: 0, skipped: 0 }
    : { passed: 0, failed: 1, skipped: 0 };
}
