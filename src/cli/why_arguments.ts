/** The command line of `quicd why`. Nothing is asked here. */
import { parseArgs } from "node:util";
import { UserError } from "../config/user_error.ts";
import { ExitCode } from "./exit_code.ts";

export interface WhyInvocation {
  command: "why";
  /** The beginning of a connection's ID, lower-case hex; "": all of them. */
  id: string;
  json: boolean;
  /** Of one server; "": all of this user. */
  controlPath: string;
}

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
  control: { type: "string" },
} as const;

/** For the help. */
export const WHY_FLAGS: readonly (readonly [flag: string, about: string])[] = [
  ["--json", "for programs"],
  ["--control P", "ask the server with this socket (telemetry.control_path)"],
];

/** Null: help was asked for. @throws {UserError} for what cannot be meant. */
export function parseWhyArguments(args: readonly string[]): WhyInvocation | null {
  const { values, positionals } = read(args);
  if (values.help === true) return null;
  const [id = "", surplus] = positionals;
  if (surplus !== undefined) throw new UserError("one connection at a time", ExitCode.Usage);
  const lower = id.toLowerCase();
  if (!/^[0-9a-f]{0,32}$/.test(lower)) {
    const remedy = "quicd why lists the connections with theirs";
    throw new UserError(`${id} is no connection ID: up to 32 hex digits\n  ${remedy}`, 2);
  }
  return {
    command: "why",
    id: lower,
    json: values.json ?? false,
    controlPath: values.control ?? "",
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new UserError(text.split("\n", 1)[0] ?? text, ExitCode.Usage);
  }
}
