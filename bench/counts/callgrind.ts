/** Reads callgrind's report: what was spent in a function and in all that it called. */

const CALL = /^calls=(\d+)/;
const NAME = /^\((\d+)\)(?: (.*))?$/;

/**
 * Instructions by the function that was called, with all below it, as callgrind's format writes
 * them: `cfn=(id) name`, `calls=count target`, `position cost`. A name stands once, its number
 * after that. Functions that call themselves would count twice; those asked for do not.
 */
export function inclusiveCosts(report: string): Map<string, number> {
  const names = new Map<string, string>();
  const costs = new Map<string, number>();
  let called = "";
  let nextIsCost = false;
  for (const line of report.split("\n")) {
    if (nextIsCost) {
      nextIsCost = false;
      costs.set(called, (costs.get(called) ?? 0) + Number(line.split(" ")[1]));
    } else if (line.startsWith("fn=") || line.startsWith("cfn=")) {
      const [, number = "", name] = NAME.exec(line.slice(line.indexOf("=") + 1)) ?? [];
      if (name !== undefined) names.set(number, name);
      if (line.startsWith("cfn=")) called = names.get(number) ?? "";
    } else {
      nextIsCost = CALL.test(line);
    }
  }
  return costs;
}

/** Instructions by function, without what it called; the most first. */
export function ownCosts(report: string): [name: string, instructions: number][] {
  const names = new Map<string, string>();
  const costs = new Map<string, number>();
  let current = "";
  let skip = false;
  for (const line of report.split("\n")) {
    if (line.startsWith("fn=") || line.startsWith("cfn=")) {
      const [, number = "", name] = NAME.exec(line.slice(line.indexOf("=") + 1)) ?? [];
      if (name !== undefined) names.set(number, name);
      if (line.startsWith("fn=")) current = names.get(number) ?? "";
    } else if (CALL.test(line)) {
      skip = true;
    } else if (/^[+*-]?\d* ?\d+ \d+$|^\d+ \d+$/.test(line)) {
      if (!skip) costs.set(current, (costs.get(current) ?? 0) + Number(line.split(" ")[1]));
      skip = false;
    }
  }
  return [...costs].sort((a, b) => b[1] - a[1]);
}

/** All that was collected. */
export function totalCost(report: string): number {
  const total = Number(/^totals: (\d+)$/m.exec(report)?.[1]);
  if (Number.isNaN(total)) throw new Error("callgrind's report has no line of totals");
  return total;
}
