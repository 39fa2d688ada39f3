/** From the command line to what is to be done. Nothing is read or started here. */
import { parseArgs } from "node:util";
import type { TextValue } from "../config/layer.ts";
import { UserError } from "../config/user_error.ts";
import { CONFIG_FLAGS } from "./flags.ts";
import { type GetInvocation, parseGetArguments } from "./get_arguments.ts";
import { type LoadInvocation, parseLoadArguments } from "./load_arguments.ts";
import { nearestName } from "./nearest.ts";
import { parseWhyArguments, type WhyInvocation } from "./why_arguments.ts";

export type Invocation =
  | { command: "help" }
  | { command: "version" }
  | { command: "check"; path: string }
  | DoctorInvocation
  | GetInvocation
  | { command: "interop"; args: readonly string[] }
  | { command: "load help" }
  | LoadInvocation
  | WhyInvocation
  | ServeInvocation;

/** What `serve` would be given, without a target. */
export interface DoctorInvocation {
  command: "doctor";
  /** "" if none was named. */
  configPath: string;
  flags: TextValue[];
}

export interface ServeInvocation {
  command: "serve";
  /** App module or directory; "" if none was named. */
  target: string;
  /** "" if none was named. */
  configPath: string;
  flags: TextValue[];
}

const COMMANDS = ["serve", "check", "doctor", "get", "load", "interop", "why"];

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
  config: { type: "string" },
  quiet: { type: "boolean" },
  ...Object.fromEntries(CONFIG_FLAGS.map(({ name }) => [name, { type: "string" } as const])),
} as const;

/** @throws {UserError} for what cannot be meant */
export function parseArguments(args: readonly string[]): Invocation {
  if (args[0] === "get") return parseGetArguments(args.slice(1)) ?? { command: "help" };
  if (args[0] === "load") return parseLoadArguments(args.slice(1)) ?? { command: "load help" };
  // The runner reads its own.
  if (args[0] === "interop") return { command: "interop", args: args.slice(1) };
  if (args[0] === "why") return parseWhyArguments(args.slice(1)) ?? { command: "help" };
  const { values, positionals, tokens } = read(args);
  if (values.help === true) return { command: "help" };
  if (values.version === true) return { command: "version" };

  const [command, ...names] = positionals;
  if (command === undefined && values.config === undefined) {
    throw new UserError(
      "what should be done? For a start: quicd serve ./public\n  quicd --help",
      2,
    );
  }
  if (command !== undefined && !COMMANDS.includes(command)) throw unknownCommand(command);
  if (command === "get") throw new UserError("get comes first: quicd get URL [flags]", 2);
  if (command === "load") throw new UserError("load comes first: quicd load URL [flags]", 2);
  if (command === "interop") throw new UserError("interop comes first: quicd interop [flags]", 2);
  if (command === "why") throw new UserError("why comes first: quicd why [ID] [flags]", 2);
  const [name, surplus] = names;
  if (surplus !== undefined) {
    throw new UserError(`one ${command === "check" ? "file" : "app or directory"} at a time`, 2);
  }
  if (command === "check") {
    const path = name ?? values.config;
    if (path === undefined) throw new UserError("which file? quicd check CONFIG", 2);
    return { command, path };
  }

  const configPath = values.config ?? "";
  const flags: TextValue[] = [];
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const flag = CONFIG_FLAGS.find((known) => known.name === token.name);
    if (flag === undefined || token.value === undefined) continue;
    const { section, option } = flag;
    flags.push({ section, option, origin: token.rawName, text: token.value });
  }
  if (values.quiet === true) {
    flags.push({ section: "http", option: "log", origin: "--quiet", text: "false" });
  }
  if (command === "doctor") {
    if (name !== undefined) throw new UserError(`doctor looks at the machine, not at ${name}`, 2);
    return { command, configPath, flags };
  }
  return { command: "serve", target: name ?? "", configPath, flags };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new UserError(describe(error, args), 2);
  }
}

function describe(error: unknown, args: readonly string[]): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  const text = error instanceof Error ? error.message : String(error);
  const quoted = /'([^']*)'/.exec(text)?.[1] ?? "";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const name = quoted.split("=", 1)[0] ?? "";
    const nearest = nearestName(name.replace(/^-+/, ""), Object.keys(OPTIONS));
    const advice = nearest === null ? "quicd --help names them all" : `did you mean --${nearest}?`;
    return `there is no flag ${name}\n  ${advice}`;
  }
  if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") {
    const flag = /--[a-z]+/.exec(quoted)?.[0] ?? args.find((arg) => arg.startsWith("--")) ?? "";
    if (text.includes("does not take an argument")) return `${flag} takes no value`;
    return `${flag} needs a value\n  e.g. ${flag} ${exampleOf(flag)}`;
  }
  return text;
}

function exampleOf(flag: string): string {
  return CONFIG_FLAGS.find(({ name }) => `--${name}` === flag)?.value ?? "F";
}

function unknownCommand(command: string): UserError {
  const nearest = nearestName(command, COMMANDS);
  if (nearest !== null)
    return new UserError(`there is no command "${command}"\n  did you mean ${nearest}?`, 2);
  const isPath = /[./]/.test(command);
  const advice = isPath ? `did you mean: quicd serve ${command}` : "quicd --help names them all";
  return new UserError(`there is no command "${command}"\n  ${advice}`, 2);
}
