/**
 * Reads the configuration: defaults < app module < TOML file < environment QUICD_* < flags.
 *
 * All that is wrong is reported at once, each thing with the place it was said in, what is allowed
 * and, for a name that does not exist, the nearest one that does.
 */
import { readFileSync } from "node:fs";
import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import {
  environmentValues,
  fileLayer,
  isTable,
  type Layer,
  type TextValue,
  textLayer,
} from "./config/layer.ts";
import { relationProblems } from "./config/relations.ts";
import { type Config, configSchema, optionsOf, sections } from "./config/schema.ts";
import { ConfigError, type Problem, UserError } from "./config/user_error.ts";

export type { Config } from "./config/schema.ts";
export { ConfigError, UserError } from "./config/user_error.ts";

export interface ConfigSources {
  /** TOML file, or "" for none. */
  path: string;
  env: Readonly<Record<string, string | undefined>>;
  flags: readonly TextValue[];
  /** What the app module wishes for: weaker than all others. */
  app?: readonly TextValue[];
}

/** @throws {ConfigError} with everything that is wrong; {UserError} when the file cannot be read */
export function loadConfig(sources: ConfigSources): Config {
  const { path, env, flags, app = [] } = sources;
  const layers = [textLayer(app)];
  if (path !== "") layers.push(fileLayer(readConfig(path), path));
  layers.push(textLayer(environmentValues(env)), textLayer(flags));
  return parseLayers(layers);
}

function parseLayers(layers: readonly Layer[]): Config {
  const values = merge(layers);
  const originOf = (section: string, option: string) => originIn(layers, section, option);
  const parsed = configSchema.safeParse(values);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.flatMap((issue) => problemsOf(issue, values, originOf)),
    );
  }
  const problems = relationProblems(parsed.data, originOf);
  if (problems.length > 0) throw new ConfigError(problems);
  return parsed.data;
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot read the configuration: ${reason}`, 2);
  }
}

/** Option by option; a list replaces a list. */
function merge(layers: readonly Layer[]): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const { values } of layers) {
    for (const [section, options] of Object.entries(values)) {
      const below = merged[section];
      merged[section] = isTable(below) && isTable(options) ? { ...below, ...options } : options;
    }
  }
  return merged;
}

/** Of the layer whose value counts. */
function originIn(layers: readonly Layer[], section: string, option: string): string {
  const layer = layers.findLast(({ values }) => {
    const options = section === "" ? values : values[section];
    return isTable(options) && Object.hasOwn(options, option);
  });
  return layer?.originOf(section, option) ?? "";
}

function problemsOf(
  issue: z.core.$ZodIssue,
  values: Record<string, unknown>,
  originOf: Layer["originOf"],
): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownName(path[0] ?? "", key, originOf));
  }
  const [section = "", option] = path;
  if (option === undefined) {
    const origin = originOf("", section);
    return [{ origin, subject: section, remedy: issue.message }];
  }
  const options = values[section];
  const value = isTable(options) ? options[option] : undefined;
  const subject = `${section}.${option} = ${formatValue(value)}`;
  return [{ origin: originOf(section, option), subject, remedy: issue.message }];
}

function unknownName(section: string, name: string, originOf: Layer["originOf"]): Problem {
  const origin = originOf(section, name);
  if (section === "") {
    const remedy = suggestion(name, Object.keys(sections), "[", "]");
    return { origin, subject: `there is no section or option "${name}"`, remedy };
  }
  const remedy = suggestion(name, [...(optionsOf(section)?.keys() ?? [])], `${section}.`, "");
  return { origin, subject: `there is no option "${section}.${name}"`, remedy };
}

/** The nearest name if it is near, else all of them, else the section that has the name. */
function suggestion(name: string, known: readonly string[], before: string, after: string): string {
  const elsewhere = Object.keys(sections).find((section) => optionsOf(section)?.has(name));
  if (elsewhere !== undefined) return `did you mean "${elsewhere}.${name}"?`;
  const nearest = known.reduce((best, other) =>
    distance(name, other) < distance(name, best) ? other : best,
  );
  const near = distance(name, nearest) <= Math.max(2, Math.floor(name.length / 3));
  if (near) return `did you mean "${before}${nearest}${after}"?`;
  return `there are: ${known.join(", ")}`;
}

/** As it would be written in the file. Never the contents of a key. */
function formatValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  if (text.includes("-----BEGIN")) return "(the text of a PEM file)";
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
