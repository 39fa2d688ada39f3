/** How long lines, functions and files may be, and what files are called. */
import {
  codeOf,
  eachLine,
  isC,
  isCode,
  isGenerated,
  isRust,
  isTypeScript,
  type Source,
  type Violation,
} from "./source.ts";

/** By the ending of the file's name; a tab in C counts as eight. */
const COLUMNS_MAX: Record<string, number> = { ts: 100, c: 100, h: 100, rs: 100 };
export const FUNCTION_LINES_MAX = 70;
export const FILE_LINES_MAX = 500;
const C_TAB_COLUMNS = 8;

export function lineWidth(source: Source): Violation[] {
  if (!isCode(source.path) || isGenerated(source.path)) return [];
  const most = COLUMNS_MAX[source.path.split(".").at(-1) ?? ""] ?? 100;
  return eachLine(source, (line) => {
    // A pattern can't be broken.
    if (isTypeScript(source.path) && /^\s*\/[^/*].*\/[a-z]*;$/.test(line)) return null;
    const columns = [...line.replaceAll("\t", " ".repeat(C_TAB_COLUMNS))].length;
    return columns > most ? `${columns} columns, at most ${most}` : null;
  });
}

export function fileLength(source: Source): Violation[] {
  const counted = isCode(source.path) || /\.(sh|py)$/.test(source.path);
  if (!counted || isGenerated(source.path)) return [];
  const lines = source.text.split("\n").length - 1;
  if (lines <= FILE_LINES_MAX) return [];
  return [{ path: source.path, line: lines, rule: `${lines} lines, at most ${FILE_LINES_MAX}` }];
}

/** Formatted code closes a block at the indentation that opened it. */
export function functionLength(source: Source): Violation[] {
  if (!isCode(source.path) || isGenerated(source.path)) return [];
  return eachLine(source, (line, index, lines) => {
    if (!opensFunction(source.path, line)) return null;
    const indent = /^\s*/.exec(line)?.[0] ?? "";
    const close = `${indent}}`;
    const end = lines.findIndex((other, at) => at > index && other.startsWith(close));
    const length = end - index + 1;
    return end > 0 && length > FUNCTION_LINES_MAX
      ? `function of ${length} lines, at most ${FUNCTION_LINES_MAX}`
      : null;
  });
}

const NOT_A_METHOD = /^\s*(if|for|while|switch|catch|return|else|do|with)\b/;
const METHOD =
  /^\s+(?:(?:public|private|protected|static|async|override|get|set|\*)\s*)*[#\w]+(?:<.*>)?\(.*\{$/;
/** Blocks that hold tests or benches: lists, not functions. */
const LISTS = /\b(describe|summary|group)\b/;

function opensFunction(path: string, line: string): boolean {
  const code = codeOf(line).trimEnd();
  if (isC(path)) {
    const inline =
      /^[a-zA-Z_].*\)\s*\{$/.test(code) && !/^(struct|enum|union|typedef)\b/.test(code);
    return code === "{" ? line.startsWith("{") : inline;
  }
  if (!code.endsWith("{")) return false;
  if (isRust(path))
    return /^\s*(pub(\([a-z]+\))? )?(const |unsafe |async |extern "" )*fn\b/.test(code);
  if (!isTypeScript(path) || NOT_A_METHOD.test(code) || LISTS.test(code)) return false;
  return (
    /\bfunction\b/.test(code) ||
    /=>\s*\{$/.test(code) ||
    /^\s*\)(: .*)? (=> )?\{$/.test(code) ||
    METHOD.test(code)
  );
}

const CODE_FILE = /\.(ts|c|h|rs|sh|py|toml)$/;
const SNAKE_CASE = /^[a-z0-9_]+(\.[a-z0-9_]+)*$/;
const CARGO_NAMES = /^Cargo\.toml$/;
const EMPTY_WORDS = new Set(["util", "utils", "helper", "helpers", "manager", "misc"]);

export function fileName(source: Source): Violation[] {
  const name = source.path.split("/").at(-1) ?? "";
  if (!CODE_FILE.test(name) || CARGO_NAMES.test(name)) return [];
  const violation = (rule: string): Violation[] => [{ path: source.path, line: 1, rule }];
  if (!SNAKE_CASE.test(name)) return violation("file name is not snake_case");
  const empty = name.split(/[._]/).find((word) => EMPTY_WORDS.has(word));
  return empty === undefined ? [] : violation(`file name says "${empty}": name the thing`);
}
