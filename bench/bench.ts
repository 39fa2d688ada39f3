//   bun bench/bench.ts
//   bun bench/bench.ts request bulk stall --json build/bench.json
//   bun bench/bench.ts request --quick --workers 2
//
// Runs benches against Bun.serve's HTTP/3, interleaved, and prints ratios of the same run.
import { writeFileSync } from "node:fs";
import { bulk } from "./benches/bulk.ts";
import { loadCheck } from "./benches/load_check.ts";
import { rebinding } from "./benches/rebinding.ts";
import { request } from "./benches/request.ts";
import { routing } from "./benches/routing.ts";
import { scaling } from "./benches/scaling.ts";
import { stall } from "./benches/stall.ts";
import { steering } from "./benches/steering.ts";
import { countsCommand } from "./counts/command.ts";
import { HELP, parseOptions } from "./options.ts";
import { type Bench, type BenchReport, printReport, reportOf } from "./report.ts";
import { trendCommand } from "./trend.ts";

const BENCHES: Record<string, Bench> = {
  ...{ request, bulk, stall },
  ...{ scaling, routing, steering, rebinding, "load-check": loadCheck },
};

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** With a command line of their own. */
const COMMANDS: Record<string, (words: string[]) => Promise<number>> = {
  counts: countsCommand,
  trend: trendCommand,
};

const [first = "", ...others] = process.argv.slice(2);
const command = COMMANDS[first];
if (command) process.exit(await command(others));

const options = parseOptions(process.argv.slice(2));
if (options === "help") {
  console.log(HELP);
  process.exit(0);
}
const unknown = options.names.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(", ")}\n\n${HELP}`);
  process.exit(2);
}

const reports: BenchReport[] = [];
for (const name of options.names) {
  const bench = BENCHES[name]!;
  const outcome = await bench.run(options, progress);
  progress("");
  const report = reportOf(name, bench, outcome);
  printReport(report, outcome.text);
  reports.push(report);
}
if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(reports, null, 1)}\n`);
process.exit(reports.some((report) => report.errors > 0) ? 1 : 0);
