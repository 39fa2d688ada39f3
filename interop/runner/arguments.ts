/** The command line of `bun run interop`. Nothing is read or started here. */
import { parseFlags } from "../../src/cli/parse_flags.ts";
import { UserError } from "../../src/config/user_error.ts";

export interface InteropArguments {
  suite: "quic" | "webtransport";
  /** Names of cases or their abbreviations; empty: all of the suite. */
  cases: string[];
  /** Names of endpoints, or commands; empty: all that can run here. */
  servers: string[];
  clients: string[];
  /** Each of them with quicd on the other side, in both roles. */
  peers: string[];
  /** Results of each test in each cell. */
  runs: number;
  /** Runs that make one measurement; null: as the case says. */
  repetitions: number | null;
  lanes: number;
  /** Of the first run; the next one has the next number. */
  seed: number;
  corrupt: "deliver" | "drop";
  confined: boolean;
  /** SERVER_PARAMS and CLIENT_PARAMS of quicd and of endpoints that were given as commands. */
  serverParams: string;
  clientParams: string;
  keep: boolean;
  resume: boolean;
  /** "": a new folder below build/interop; with --resume the newest one. */
  out: string;
  /** Copies of the results; "" for none. */
  json: string;
  html: string;
  list: boolean;
}

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  suite: { type: "string" },
  case: { type: "string", multiple: true },
  server: { type: "string", multiple: true },
  client: { type: "string", multiple: true },
  peer: { type: "string", multiple: true },
  runs: { type: "string" },
  repetitions: { type: "string" },
  lanes: { type: "string" },
  seed: { type: "string" },
  corrupt: { type: "string" },
  unconfined: { type: "boolean" },
  "params-server": { type: "string" },
  "params-client": { type: "string" },
  keep: { type: "boolean" },
  resume: { type: "boolean" },
  out: { type: "string" },
  json: { type: "string" },
  html: { type: "string" },
  list: { type: "boolean" },
} as const;

export const USAGE = `the QUIC Interop Runner without Docker: cases, judged by captures

usage:
  bun run interop [flags]                 run the matrix, compare it with interop/expected.json
  bun run interop compliance [flags]      does each end with 127 for an unknown TESTCASE?
  bun run interop h3spec [flags]          errors of QUIC and HTTP/3 servers (--help)
  bun run interop qlog FILE               show a qlog as a sequence table
  bun run interop expect RESULT.json      take results over into interop/expected.json
  bun run interop readme RESULT.json...   write the matrix into interop/README.md
  bun run interop --list                  what there is: endpoints and cases

flags:
  --case C[,C]       names or abbreviations; default: all of the suite
  --server P[,P]     names, or a command: anything with a space in it, or a path; default: all
  --client P[,P]     the same
  --peer P[,P]       each of these with quicd on the other side, in both roles
  --suite S          quic (default) or webtransport
  --runs N           runs of each test in each cell, default 1
  --repetitions N    runs that make one measurement, default 5
  --lanes N          runs at a time, default 2; measurements run alone
  --seed N           of the first run, default 1: files, losses; the next run has the next number
  --corrupt M        deliver (default) or drop what the simulator has damaged
  --unconfined       without the limits of a container: io_uring and eBPF are there
  --params-server=T  SERVER_PARAMS of quicd and of commands
  --params-client=T  CLIENT_PARAMS of the same
  --keep             keep the folders of runs that succeeded, too
  --resume           go on with the newest interrupted call, or with the one in --out
  --out D            folder for runs and results, default a new one in build/interop
  --json F, --html F copies of result.json and index.html

exit codes: 0 all as expected, 1 differences or failures, 2 wrong flags, 130 interrupted
`;

/** Null: help was asked for. @throws {UserError} for what cannot be meant */
export function parseInteropArguments(args: readonly string[]): InteropArguments | null {
  const { values, positionals } = parseFlags("interop", "bun run interop --help", args, OPTIONS);
  if (values.help === true) return null;
  const [surplus] = positionals;
  if (surplus !== undefined) {
    throw new UserError(`what is ${surplus}?\n  bun run interop --help names the commands`, 2);
  }
  const peers = namesOf(values.peer);
  const servers = endpointsOf(values.server);
  const clients = endpointsOf(values.client);
  if (peers.length > 0 && servers.length + clients.length > 0) {
    throw new UserError("--peer says both sides: leave --server and --client out", 2);
  }
  return {
    suite: oneOf("--suite", values.suite ?? "quic", ["quic", "webtransport"]),
    cases: namesOf(values.case),
    ...{ servers, clients, peers },
    runs: countOf("--runs", values.runs ?? "1", 1, 1000),
    repetitions:
      values.repetitions === undefined
        ? null
        : countOf("--repetitions", values.repetitions, 1, 1000),
    lanes: countOf("--lanes", values.lanes ?? "2", 1, 64),
    seed: countOf("--seed", values.seed ?? "1", 0, 2 ** 31),
    corrupt: oneOf("--corrupt", values.corrupt ?? "deliver", ["deliver", "drop"]),
    confined: values.unconfined !== true,
    serverParams: values["params-server"] ?? "",
    clientParams: values["params-client"] ?? "",
    ...{ keep: values.keep ?? false, resume: values.resume ?? false, out: values.out ?? "" },
    ...{ json: values.json ?? "", html: values.html ?? "", list: values.list ?? false },
  };
}

function namesOf(texts: readonly string[] = []): string[] {
  return texts.flatMap((text) => text.split(",")).filter((name) => name !== "");
}

/** A command may have commas: it is taken whole. */
function endpointsOf(texts: readonly string[] = []): string[] {
  return texts.flatMap((text) => (isCommand(text) ? [text] : namesOf([text])));
}

/** Of what --server and --client are given: a command of the contract, not a name. */
export function isCommand(text: string): boolean {
  return /[\s/]/.test(text);
}

function oneOf<T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text);
  if (found !== undefined) return found;
  throw new UserError(`${flag}: ${text} must be ${allowed.join(" or ")}`, 2);
}

function countOf(flag: string, text: string, least: number, most: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (count >= least && count <= most) return count;
  throw new UserError(`${flag}: ${text} must be a number from ${least} to ${most}`, 2);
}
