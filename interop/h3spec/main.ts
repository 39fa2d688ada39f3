//   bun run interop h3spec
//   bun run interop h3spec --server quicd --runs 5
//   bun run interop h3spec --server 127.0.0.1:4433 --json result.json
//
// Runs h3spec against our HTTP/3 server and others, and compares what it finds with expected.json.
// Exit code 0: all as expected; 1: differences, each a line; 2: bad arguments; 3: nothing could
// run. A server that is not ours must offer h3 and no other protocol (see report.ts).
import { CASE_COUNT } from "./cases.ts";
import { differences, readExpectations } from "./expected.ts";
import type { Report } from "./report.ts";
import { h3specMissing, runH3spec, testServer } from "./run.ts";
import { SERVERS } from "./servers.ts";

const USAGE = `usage: bun run interop h3spec [--server NAME|HOST:PORT] [--runs N] [--json F]
  servers: ${SERVERS.map(({ name }) => name).join(", ")}; default: all that are installed`;

interface Arguments {
  server: string | null;
  runs: number;
  json: string | null;
}

/** What is written with --json. */
export interface ServerResult {
  server: string;
  description: string;
  seconds: number;
  runs: readonly Report[];
  differences: readonly string[];
}

/** Resolves to the exit code. `args`: without the name of the subcommand. */
export async function h3specMain(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (typeof options === "string") {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const missing = h3specMissing();
  if (missing !== null) {
    console.error(missing);
    return 3;
  }
  const results = await runAll(options);
  if (options.json !== null) await Bun.write(options.json, `${JSON.stringify(results, null, 2)}\n`);
  if (results.length === 0) return 3;
  return results.some((result) => result.differences.length > 0) ? 1 : 0;
}

async function runAll({ server, runs }: Arguments): Promise<ServerResult[]> {
  const expected = readExpectations();
  const results: ServerResult[] = [];
  const run = async (name: string, description: string, work: () => Promise<Report[]>) => {
    const started = performance.now();
    const reports = await work();
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    const found = differences(reports, expected.get(name));
    const result = { server: name, description, seconds, runs: reports, differences: found };
    results.push(result);
    console.log(summary(result));
    for (const difference of found) console.log(`  ${difference}`);
  };
  if (server?.includes(":")) {
    const at = server.lastIndexOf(":");
    const [host, port] = [server.slice(0, at), Number(server.slice(at + 1))];
    await run(server, "as it is there", async () => {
      const reports: Report[] = [];
      for (let count = 0; count < runs; count++) reports.push(await runH3spec(host, port));
      return reports;
    });
    return results;
  }
  for (const one of SERVERS.filter(({ name }) => server === null || name === server)) {
    const missing = one.missing();
    if (missing !== null) console.log(`${one.name}: SKIP reason: ${missing}`);
    else await run(one.name, one.description, () => testServer(one, runs));
  }
  return results;
}

/** "quicd: 44/45 44/45 44/45 passed, 1 skipped, 9.8 s". */
function summary({ server, seconds, runs }: ServerResult): string {
  const count = (report: Report, outcome: string) =>
    report.results.filter((result) => result.outcome === outcome).length;
  const passed = runs.map((report) => `${count(report, "passed")}/${CASE_COUNT}`).join(" ");
  const skipped = runs.map((report) => count(report, "skipped")).join(" ");
  return `${server}: ${passed} passed, ${skipped} skipped, ${seconds} s`;
}

/** The options, or what is wrong with them. */
function parse(args: readonly string[]): Arguments | string {
  const options: Arguments = { server: null, runs: 3, json: null };
  for (let at = 0; at < args.length; at += 2) {
    const [flag, value] = [args[at], args[at + 1]];
    if (value === undefined) return `${flag} needs a value`;
    if (flag === "--json") options.json = value;
    else if (flag === "--server") options.server = value;
    else if (flag === "--runs") options.runs = Number(value);
    else return `unknown flag ${flag}`;
  }
  const { server, runs } = options;
  if (!Number.isInteger(runs) || runs < 1 || runs > 100) return "--runs must be 1 to 100";
  if (server === null || SERVERS.some(({ name }) => name === server)) return options;
  return /^.+:\d{1,5}$/.test(server) ? options : `no server ${server}`;
}

if (import.meta.main) process.exit(await h3specMain(Bun.argv.slice(2)));
