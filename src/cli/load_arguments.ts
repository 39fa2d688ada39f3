/** The command line of `quicd load`. Files that it names are read, nothing else is done. */
import { readFileSync } from "node:fs";
import { UserError } from "../config/user_error.ts";
import {
  DATAGRAM_MIN_BYTES,
  type Expectation,
  HANDSHAKES,
  type LoadPlan,
  MODES,
  type Mode,
} from "../load/plan.ts";
import { ExitCode } from "./exit_code.ts";
import { nearestName } from "./nearest.ts";
import { parseFlags } from "./parse_flags.ts";

export interface LoadInvocation {
  command: "load";
  plan: LoadPlan;
  json: boolean;
  quiet: boolean;
  /** Says when it is warm, and counts when it is told. */
  gate: boolean;
}

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  mode: { type: "string" },
  connections: { type: "string", short: "c" },
  streams: { type: "string", short: "s" },
  duration: { type: "string", short: "d" },
  requests: { type: "string", short: "n" },
  rate: { type: "string" },
  warmup: { type: "string" },
  timeout: { type: "string" },
  method: { type: "string" },
  header: { type: "string", short: "H", multiple: true },
  bytes: { type: "string" },
  status: { type: "string" },
  expect: { type: "string" },
  handshake: { type: "string" },
  workers: { type: "string" },
  threads: { type: "string" },
  backend: { type: "string" },
  ca: { type: "string" },
  insecure: { type: "boolean" },
  json: { type: "boolean" },
  quiet: { type: "boolean" },
  gate: { type: "boolean" },
} as const;

/** For the help. */
export const LOAD_FLAGS: readonly (readonly [flag: string, about: string])[] = [
  ["--mode M", `${MODES.join(", ")}; default ${MODES[0]}`],
  ["-c N", "connections, default 10 (download, upload: 1)"],
  ["-s N", "operations under way on each, default 10 (download, upload: 1)"],
  ["-d S", "seconds that count, default 10"],
  ["-n N", "operations that count, instead of -d"],
  ["--rate R", "begin R operations a second, whatever the server does (open loop)"],
  ["--warmup S", "seconds before that do not count, default 1"],
  ["--timeout S", "for a handshake, and for the last answers; default 10"],
  ["--method M", "GET, or POST where there is a body"],
  ["-H F", 'a request field, "name: value"; as often as needed'],
  ["--bytes N", "of each body sent, echo (default 64) or datagram (100); upload: 1048576"],
  ["--status N", "the one to expect; default: any from 200 to 299"],
  ["--expect E", "of every body: first, sha256:HEX, file:PATH, text:T, length:N or pattern"],
  ["--handshake H", "of mode handshakes: full (default), resumed or 0-rtt"],
  ["--workers N", "network threads of each app thread, default 1"],
  ["--threads N", "app threads, default 1"],
  ["--backend B", "auto, io_uring or syscalls"],
  ["--ca F", "trust the certificates in F, PEM, in place of the system's"],
  ["--insecure", "trust any certificate"],
  ["--json", "the result as JSON, on standard output"],
  ["--quiet", "no progress"],
  ["--gate", "say when warm, count when a line comes on standard input (for scripts)"],
];

const COUNT_MAX = 1_000_000;
const STREAMS_MAX = 1000;
const SECONDS_MAX = 86_400;
const OPERATIONS_MAX = 1e12;
const BYTES_MAX = 2 ** 40;
const DATAGRAM_MAX_BYTES = 65_000;
const THREADS_MAX = 64;
const MICROS = 1e6;

type Values = ReturnType<typeof parseFlags<typeof OPTIONS>>["values"];

function usage(text: string): UserError {
  return new UserError(text, ExitCode.Usage);
}

/** Null: help was asked for. @throws {UserError} for what cannot be meant. */
export function parseLoadArguments(args: readonly string[]): LoadInvocation | null {
  const { values, positionals } = parseFlags("load", "quicd load --help", args, OPTIONS);
  if (values.help === true) return null;
  const [target, surplus] = positionals;
  if (target === undefined) throw usage("which URL? quicd load https://localhost:4433/");
  if (surplus !== undefined) throw usage(`one URL at a time: what is ${surplus}?`);
  const plan = planOf(urlOf(target), values);
  if (plan.threads > plan.connections) {
    const { threads, connections } = plan;
    throw usage(`--threads: ${threads} must not be more than the connections (${connections})`);
  }
  const { json = false, quiet = false, gate = false } = values;
  return { command: "load", plan, json, quiet, gate };
}

function planOf(url: string, values: Values): LoadPlan {
  const mode = choice("mode", values.mode, MODES);
  const bulk = mode === "download" || mode === "upload";
  const usual = bulk ? 1 : 10;
  const whole = (name: keyof Values, fallback: number, least: number, most: number) =>
    integer(name, values[name] as string | undefined, fallback, least, most);
  const payloadBytes = payloadOf(mode, whole);
  const usualMethod = payloadBytes > 0 || mode === "upload" ? "POST" : "GET";
  const operations = values.requests;
  if (operations !== undefined && values.duration !== undefined) {
    throw usage("-d and -n: one of the two says how long");
  }
  const status = values.status;
  const { rate } = values;
  return {
    ...{ url, mode, payloadBytes },
    method: methodOf(values.method ?? usualMethod),
    fields: (values.header ?? []).flatMap(fieldOf),
    status: status === undefined ? null : whole("status", 200, 200, 599),
    expect: expectOf(values.expect),
    handshake: choice("handshake", values.handshake, HANDSHAKES),
    connections: whole("connections", usual, 1, COUNT_MAX),
    streams: whole("streams", usual, 1, STREAMS_MAX),
    rate: rate === undefined ? null : seconds("rate", rate, 0, 1 / MICROS, OPERATIONS_MAX),
    warmUpSeconds: seconds("warmup", values.warmup, 1, 0, SECONDS_MAX),
    seconds: seconds("duration", values.duration, 10, 1 / MICROS, SECONDS_MAX),
    operations: operations === undefined ? null : whole("requests", 0, 1, OPERATIONS_MAX),
    timeoutMs: 1000 * seconds("timeout", values.timeout, 10, 0.001, SECONDS_MAX),
    threads: whole("threads", 1, 1, THREADS_MAX),
    engine: {
      workers: whole("workers", 1, 1, THREADS_MAX),
      backend: choice("backend", values.backend, ["auto", "io_uring", "syscalls"] as const),
    },
    ...{ ca: values.ca ?? "", insecure: values.insecure ?? false },
  };
}

type Whole = (name: keyof Values, fallback: number, least: number, most: number) => number;

function payloadOf(mode: Mode, whole: Whole): number {
  if (mode === "datagrams") return whole("bytes", 100, DATAGRAM_MIN_BYTES, DATAGRAM_MAX_BYTES);
  if (mode === "echo") return whole("bytes", 64, 0, BYTES_MAX);
  return whole("bytes", mode === "upload" ? 1 << 20 : 0, 0, BYTES_MAX);
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === "https:" && url.username === "") return url.href;
  throw usage(`the URL ${text} must be like https://localhost:4433/`);
}

function choice<Name extends string>(
  flag: string,
  given: string | undefined,
  names: readonly Name[],
): Name {
  if (given === undefined) return names[0]!;
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const nearest = nearestName(given, [...names]);
  const advice = nearest === null ? "" : `\n  did you mean ${nearest}?`;
  throw usage(`--${flag}: ${given} must be one of ${names.join(", ")}${advice}`);
}

function integer(
  flag: string,
  text: string | undefined,
  fallback: number,
  least: number,
  most: number,
): number {
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw usage(`--${flag}: ${text} must be a whole number from ${least} to ${most}`);
}

/** Also of rates: any positive number. */
function seconds(
  flag: string,
  text: string | undefined,
  fallback: number,
  least: number,
  most: number,
): number {
  if (text === undefined) return fallback;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw usage(`--${flag}: ${text} must be a number from ${least} to ${most}`);
}

function methodOf(text: string): string {
  if (/^[A-Z]+$/.test(text) && text !== "CONNECT" && text !== "HEAD") return text;
  throw usage(`--method: ${text} must be a method in capitals, and not CONNECT or HEAD`);
}

function fieldOf(text: string): [name: string, value: string] {
  const [, name = "", value = ""] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? [];
  if (name !== "") return [name.toLowerCase(), value];
  throw usage(`-H: ${text} must be like "name: value"`);
}

const SHA256_HEX = /^[0-9a-f]{64}$/;

function expectOf(text: string | undefined): Expectation {
  if (text === undefined) return { kind: "any" };
  const colon = text.indexOf(":");
  const [kind, rest] = colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  if (kind === "first" && colon < 0) return { kind: "first", sha256: "" };
  if (kind === "pattern" && colon < 0) return { kind: "pattern" };
  const hash = rest.toLowerCase();
  if (kind === "sha256" && SHA256_HEX.test(hash)) return { kind: "first", sha256: hash };
  if (kind === "text") return { kind: "content", content: new TextEncoder().encode(rest) };
  if (kind === "length") {
    return { kind: "length", bytes: integer("expect length", rest, 0, 0, BYTES_MAX) };
  }
  if (kind === "file" && rest !== "") return { kind: "content", content: contentOf(rest) };
  const forms = "first, sha256:HEX, file:PATH, text:T, length:N or pattern";
  throw usage(`--expect: ${text} must be ${forms}`);
}

function contentOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw usage(`--expect: ${path} cannot be read: ${(error as Error).message}`);
  }
}
