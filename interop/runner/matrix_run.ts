/** A call of `bun run interop`: from its arguments to the matrix, the files and the exit code. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type Style, styleFor } from "../../src/cli/style.ts";
import { UserError } from "../../src/config/user_error.ts";
import type { Case } from "../cases/case.ts";
import { judgeUnavailable } from "../judge/judge.ts";
import type { Lab } from "../lab/lab.ts";
import { labUnavailable, openLab } from "../lab/open_lab.ts";
import { ENDPOINTS } from "../peers/endpoints.ts";
import { type InteropArguments, parseInteropArguments, USAGE } from "./arguments.ts";
import { messageOf, runCell } from "./cell_run.ts";
import { CERTIFICATES, certificateFolder } from "./certificates.ts";
import { differences, readExpected } from "./expected.ts";
import { htmlMatrix } from "./html_matrix.ts";
import { type Job, runLanes } from "./lanes.ts";
import { Progress, runName } from "./progress.ts";
import { type Results, resultsOf } from "./results_file.ts";
import { RunFolder } from "./run_folder.ts";
import { RunLog } from "./run_log.ts";
import type { RunKey, RunRecord } from "./run_record.ts";
import { type Match, type Selection, select } from "./selection.ts";
import { tally } from "./tally.ts";
import { measurementMatrix, testMatrix } from "./text_matrix.ts";

const ROOT = join(import.meta.dir, "../..");
const CALLS = join(ROOT, "build/interop");

/** One run that is asked for. */
interface Order extends Job {
  case: Case;
  match: Match;
  key: RunKey;
}

export async function runMatrix(args: readonly string[], cases: readonly Case[]): Promise<number> {
  const asked = parseInteropArguments(args);
  if (asked === null) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (asked.list) {
    process.stdout.write(listing(cases));
    return 0;
  }
  const selection = select(asked, ENDPOINTS, cases);
  const unavailable = labUnavailable() ?? judgeUnavailable();
  if (unavailable !== null) throw new UserError(unavailable, 1);
  const call = new MatrixCall(asked, selection);
  return await call.run();
}

class MatrixCall {
  readonly #asked: InteropArguments;
  readonly #selection: Selection;
  readonly #folder: string;
  readonly #log: RunLog;
  readonly #orders: Order[];
  readonly #style: Style = styleFor(process.stdout, process.env);
  readonly #stop = new AbortController();
  readonly #startedAtMs = Date.now();

  constructor(asked: InteropArguments, selection: Selection) {
    this.#asked = asked;
    this.#selection = selection;
    this.#folder = callFolder(asked);
    this.#log = new RunLog(join(this.#folder, "runs.jsonl"));
    this.#orders = ordersOf(asked, selection);
  }

  async run(): Promise<number> {
    const print = (text: string) => process.stdout.write(text);
    for (const why of this.#selection.leftOut) print(`left out: ${why}\n`);
    const open = this.#orders.filter((order) => this.#log.find(order.key) === null);
    const progress = new Progress({
      total: this.#orders.length,
      style: this.#style,
      write: print,
      columns: process.stdout.isTTY ? process.stdout.columns : null,
    });
    for (const { key } of this.#orders) {
      const done = this.#log.find(key);
      if (done !== null) progress.skip(done);
    }
    const done = this.#orders.length - open.length;
    print(`${open.length} runs${done > 0 ? `, ${done} more are done` : ""}, in ${this.#folder}\n`);
    const interrupt = () => this.#stop.abort();
    process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
    await runLanes(open, {
      lanes: this.#asked.lanes,
      openLab,
      stop: this.#stop.signal,
      work: async (lab, order, lane) => {
        await this.#runOne(lab, order, lane, progress).finally(() => progress.drop(lane));
      },
      broke: (order, error) => this.#broke(order, error),
    });
    progress.close();
    return this.#finish(print);
  }

  async #runOne(lab: Lab, order: Order, lane: number, progress: Progress): Promise<void> {
    progress.begin(lane, runName(order.key));
    const { case: case_, match, key } = order;
    const { server, client, seed } = key;
    const place = join("runs", `${server}_${client}`, case_.name, `${seed}`);
    const folder = new RunFolder(join(this.#folder, place));
    rmSync(folder.path, { recursive: true, force: true });
    const startedAt = new Date().toISOString();
    const result = await untilStopped(
      this.#stop.signal,
      runCell(lab, {
        case: case_,
        participants: match,
        seed,
        confined: this.#asked.confined,
        corrupt: this.#asked.corrupt,
        folder,
        certificates: certificateFolder(CERTIFICATES, case_.chainLength),
      }),
    );
    if (result === null) throw new Error("interrupted");
    const { outcome, reasons, kbitPerSecond = null, exitCodes, seconds } = result;
    const kept = this.#asked.keep || outcome === "failed";
    if (!kept) rmSync(folder.path, { recursive: true, force: true });
    const record: RunRecord = {
      ...{ ...key, outcome, reasons, kbitPerSecond, exitCodes, seconds, startedAt },
      folder: kept ? place : null,
    };
    this.#log.add(record);
    progress.end(lane, record, kept ? relative(process.cwd(), folder.path) : null);
  }

  /** The lab or the judge threw: no verdict about the endpoints, and none is written down. */
  #broke(order: Order, error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    process.stderr.write(`\nthe runner broke in ${runName(order.key)}: ${text}\n`);
  }

  #finish(print: (text: string) => void): number {
    const { suite, seed, runs, json, html } = this.#asked;
    const records = this.#orders.flatMap(({ key }) => this.#log.find(key) ?? []);
    const { cases, matches, listed } = this.#selection;
    const pairs = matches.map(({ server, client }) => ({
      server: server.endpoint.name,
      client: client.endpoint.name,
    }));
    const cells = tally(pairs, cases, records);
    const everybody = matches.flatMap(({ server, client }) => [server.endpoint, client.endpoint]);
    const facts = {
      ...{ suite, seed, runs, variant: variantOf(this.#asked), logDirectory: "runs" },
      startedAtMs: Math.min(this.#startedAtMs, ...records.map((run) => Date.parse(run.startedAt))),
      endedAtMs: Date.now(),
      endpoints: Object.fromEntries(everybody.map((one) => [one.name, one.description])),
    };
    const results = resultsOf(facts, cases, cells);
    const page = this.#write(results, json, html);
    print(`\n${testMatrix(cells, this.#style)}${measurementMatrix(cells, this.#style)}`);
    print(`${page}\n`);
    if (this.#stop.signal.aborted) {
      print(`interrupted after ${records.length} runs: --resume --out ${this.#folder}\n`);
      return 130;
    }
    const missing = this.#orders.length - records.length;
    if (missing > 0) print(`${missing} runs have no result: the runner broke, see above\n`);
    const faults = listed ? differences(suite, cells, readExpected()) : failures(results);
    const title = listed ? "other than interop/expected.json says" : "not succeeded";
    if (faults.length > 0) print(`${title}:\n${faults.map((text) => `  ${text}\n`).join("")}`);
    if (faults.length > 0 && records.some(({ folder }) => folder !== null)) {
      print('how to read a kept run: interop/README.md, "When a run fails"\n');
    }
    return faults.length > 0 || missing > 0 ? 1 : 0;
  }

  #write(results: Results, json: string, html: string): string {
    const file = join(this.#folder, "result.json");
    const page = join(this.#folder, "index.html");
    writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
    writeFileSync(page, htmlMatrix(results));
    if (json !== "") copyFileSync(file, json);
    if (html !== "") copyFileSync(page, html);
    return `${relative(process.cwd(), file)}, ${relative(process.cwd(), page)}`;
  }
}

/** Null as soon as the call is interrupted; what still runs ends with its lab. */
async function untilStopped<T>(signal: AbortSignal, work: Promise<T>): Promise<T | null> {
  const stopped = Promise.withResolvers<null>();
  const stop = () => stopped.resolve(null);
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => {});
  }
}

function ordersOf(asked: InteropArguments, { cases, matches }: Selection): Order[] {
  const variant = variantOf(asked);
  return matches.flatMap((match) =>
    cases.flatMap((case_) => {
      const measures = case_.kind === "measurement";
      const count = measures ? (asked.repetitions ?? case_.repetitions) : asked.runs;
      return Array.from({ length: count }, (_, index) => ({
        ...{ case: case_, match, alone: measures, weight: case_.timeoutSeconds },
        key: {
          suite: asked.suite,
          server: match.server.endpoint.name,
          client: match.client.endpoint.name,
          case: case_.name,
          seed: asked.seed + index,
          variant,
        },
      }));
    }),
  );
}

/** What would make the same run another one. */
function variantOf({ confined, corrupt, serverParams, clientParams }: InteropArguments): string {
  return [
    ...(confined ? [] : ["unconfined"]),
    ...(corrupt === "deliver" ? [] : [`corrupt=${corrupt}`]),
    ...(serverParams === "" ? [] : [`server: ${serverParams}`]),
    ...(clientParams === "" ? [] : [`client: ${clientParams}`]),
  ].join(", ");
}

function callFolder({ resume, out }: InteropArguments): string {
  const calls = existsSync(CALLS) ? readdirSync(CALLS).sort() : [];
  const newest = calls.findLast((name) => existsSync(join(CALLS, name, "runs.jsonl")));
  if (resume && out === "" && newest === undefined) {
    throw new UserError(`there is no call to go on with in ${relative(ROOT, CALLS)}`, 2);
  }
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  const folder = resolve(out || join(CALLS, resume ? newest! : stamp));
  const state = join(folder, "runs.jsonl");
  if (resume && !existsSync(state)) throw new UserError(`--resume: ${state} is not there`, 2);
  if (!resume) rmSync(state, { force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function failures(results: Results): string[] {
  return results.quicd.cells.flatMap(({ server, client, cases }) =>
    cases
      .filter((one) => one.outcome === "failed")
      .map((one) => `${server} <- ${client} ${one.name}: ${one.reasons.join("; ")}`),
  );
}

function listing(cases: readonly Case[]): string {
  const endpoints = ENDPOINTS.map((one) => {
    const roles = one.roles.join(", ");
    const why = one.missing();
    const about = why ?? one.description;
    const suites = one.suites.join(", ").padEnd(18);
    return `  ${one.name.padEnd(16)} ${roles.padEnd(15)} ${suites} ${about}`;
  });
  const suite = (name: string) => cases.filter((one) => one.suite === name);
  const row = (one: Case) =>
    `  ${one.abbreviation.padEnd(4)} ${one.name.padEnd(32)} ${one.description}`;
  return [
    "endpoints:",
    ...endpoints,
    "\ncases of QUIC:",
    ...suite("quic").map(row),
    "\ncases of WebTransport:",
    ...suite("webtransport").map(row),
    "",
  ].join("\n");
}
