/** The command line of `quicd get`. Nothing is read or opened here. */
import { UserError } from "../config/user_error.ts";
import { ExitCode } from "./exit_code.ts";
import { parseFlags } from "./parse_flags.ts";

export interface GetInvocation {
  command: "get";
  url: URL;
  alpn: "h3" | "hq-interop";
  /** "": standard output. */
  output: string;
  /** Status and fields before the content. */
  include: boolean;
  /** PEM file of certificates to trust, or "". */
  ca: string;
  insecure: boolean;
  /** File of a session: read if it is there, written at the end; or "". */
  session: string;
  early: boolean;
  repeat: number;
  keylog: string;
  verbose: boolean;
}

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  output: { type: "string", short: "o" },
  include: { type: "boolean", short: "i" },
  ca: { type: "string" },
  insecure: { type: "boolean" },
  session: { type: "string" },
  early: { type: "boolean" },
  repeat: { type: "string" },
  keylog: { type: "string" },
  verbose: { type: "boolean" },
  alpn: { type: "string" },
} as const;

/** For the help. */
export const GET_FLAGS: readonly (readonly [flag: string, about: string])[] = [
  ["-o F", "write the content to F, not to standard output"],
  ["-i", "status and fields first"],
  ["--alpn A", "h3 (default) or hq-interop"],
  ["--ca F", "trust the certificates in F, PEM, in place of the system's"],
  ["--insecure", "trust any certificate"],
  ["--session F", "resume from F if it is there, and keep the next session in it"],
  ["--early", "send the request as 0-RTT (anybody may replay it); needs --session"],
  ["--repeat N", "ask N times over the one connection"],
  ["--keylog F", "append TLS secrets for Wireshark"],
  ["--verbose", "say on standard error what the connection was like"],
];

const REPEAT_MAX = 1_000_000;

/** Null: help was asked for. @throws {UserError} for what cannot be meant. */
export function parseGetArguments(args: readonly string[]): GetInvocation | null {
  const { values, positionals } = parseFlags("get", "quicd --help", args, OPTIONS);
  if (values.help === true) return null;
  const [target, surplus] = positionals;
  if (target === undefined) {
    throw new UserError("which URL? quicd get https://localhost:4433/", ExitCode.Usage);
  }
  if (surplus !== undefined) throw new UserError("one URL at a time", ExitCode.Usage);
  const { alpn = "h3", session = "", early = false } = values;
  if (alpn !== "h3" && alpn !== "hq-interop") {
    throw new UserError(`--alpn: ${alpn} must be h3 or hq-interop`, ExitCode.Usage);
  }
  if (early && session === "") {
    throw new UserError("--early needs a session of an earlier get: --session F", ExitCode.Usage);
  }
  return {
    ...{ command: "get", url: urlOf(target), alpn, session, early },
    ...{ output: values.output ?? "", include: values.include ?? false },
    ...{ ca: values.ca ?? "", insecure: values.insecure ?? false },
    ...{ repeat: repeatOf(values.repeat), keylog: values.keylog ?? "" },
    verbose: values.verbose ?? false,
  };
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === "https:" && url.username === "") return url;
  const remedy = `must be like https://localhost:4433/`;
  throw new UserError(`the URL ${text} ${remedy}`, ExitCode.Usage);
}

function repeatOf(text = "1"): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= REPEAT_MAX) return count;
  throw new UserError(`--repeat: ${text} must be from 1 to ${REPEAT_MAX}`, ExitCode.Usage);
}
