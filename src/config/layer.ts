/** The places a value may come from, brought into one form, each value with its origin. */
import { basename, dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { optionsOf, PATHS, sections } from "./schema.ts";
import { ConfigError } from "./user_error.ts";

/** Values by section and option, unchecked. */
export interface Layer {
  values: Record<string, unknown>;
  /** What to call a value in an error: "config.toml:12", "--port". */
  originOf(section: string, option: string): string;
}

/** A value given as text outside of a file. */
export interface TextValue {
  section: string;
  option: string;
  /** "--port", "QUICD_NETIO_PORT". */
  origin: string;
  text: string;
}

/**
 * @param path where the text came from; its folder is where relative paths in it start
 * @throws {ConfigError} naming line and column, when the text is no TOML
 */
export function fileLayer(text: string, path: string): Layer {
  const file = basename(path);
  const values = parseToml(text, file);
  resolvePaths(values, dirname(resolve(path)));
  return {
    values,
    originOf: (section, option) => {
      const line = lineOf(text, section, option);
      return line === null ? file : `${file}:${line}`;
    },
  };
}

/** Later ones win. Relative paths start at the working directory. */
export function textLayer(given: readonly TextValue[]): Layer {
  const values: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, string>();
  for (const { section, option, origin, text } of given) {
    values[section] ??= {};
    values[section][option] = fromText(section, option, text);
    origins.set(`${section}.${option}`, origin);
  }
  resolvePaths(values, process.cwd());
  return {
    values,
    originOf: (section, option) => origins.get(`${section}.${option}`) ?? "",
  };
}

/**
 * `QUICD_` + section + `_` + option, e.g. QUICD_NETIO_PORT. Other names that start with QUICD_ are
 * not options' and are left alone; a wrong option behind a right section's name is an error later.
 */
export function environmentValues(env: Readonly<Record<string, string | undefined>>): TextValue[] {
  const given: TextValue[] = [];
  for (const [origin, text] of Object.entries(env)) {
    if (text === undefined || !origin.startsWith("QUICD_")) continue;
    const name = origin.slice("QUICD_".length).toLowerCase();
    const section = Object.keys(sections).find((known) => name.startsWith(`${known}_`));
    if (section === undefined) continue;
    given.push({ section, option: name.slice(section.length + 1), origin, text });
  }
  return given;
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = (error.message.split("\n", 1)[0] ?? "").replace("Invalid TOML document: ", "");
    const excerpt = error.codeblock.trimEnd().replaceAll("\n", "\n  ");
    const origin = `${file}:${error.line}:${error.column}`;
    throw new ConfigError([{ origin, subject: reason, remedy: excerpt }]);
  }
}

/** The first reading of the text that the option allows; the text itself when none is allowed. */
function fromText(section: string, option: string, text: string): unknown {
  const schema = optionsOf(section)?.get(option);
  if (schema === undefined) return text;
  const number = /^-?\d+$/.test(text) ? Number(text) : null;
  const readings: unknown[] = [text];
  if (number !== null) readings.push(number);
  if (text === "true" || text === "false") readings.push(text === "true");
  readings.push(text.split(",").map((part) => part.trim()));
  return readings.find((reading) => schema.safeParse(reading).success) ?? number ?? text;
}

function resolvePaths(values: Record<string, unknown>, folder: string): void {
  for (const [section, option] of PATHS) {
    const options = values[section];
    if (!isTable(options)) continue;
    const path = options[option];
    if (typeof path === "string" && path !== "" && !path.includes("-----BEGIN")) {
      options[option] = resolve(folder, path);
    }
  }
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The line of `option` below `[section]`, from 1; null when it was written in another form. */
function lineOf(text: string, section: string, option: string): number | null {
  let inside = section === "";
  const key = new RegExp(`^\\s*(?:"${RegExp.escape(option)}"|${RegExp.escape(option)})\\s*[.=]`);
  const table = new RegExp(`^\\s*\\[+\\s*${RegExp.escape(option)}\\s*[.\\]]`);
  for (const [index, line] of text.split("\n").entries()) {
    if (section === "" && table.test(line)) return index + 1;
    const header = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line);
    if (header !== null) inside = header[1] === section;
    else if (inside && key.test(line)) return index + 1;
  }
  return null;
}
