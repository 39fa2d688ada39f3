/** One file as the rules of test/tidy.test.ts see it, and what a rule says about it. */

export interface Source {
  /** From the root of the repository, with slashes. */
  path: string;
  text: string;
}

export interface Violation {
  path: string;
  /** From 1. */
  line: number;
  rule: string;
}

export type Rule = (source: Source) => Violation[];

export const isGenerated = (path: string): boolean => /\.gen\.[a-z]+$/.test(path);
export const isTypeScript = (path: string): boolean => path.endsWith(".ts");
export const isC = (path: string): boolean => /\.[ch]$/.test(path);
export const isRust = (path: string): boolean => path.endsWith(".rs");
export const isCode = (path: string): boolean => isTypeScript(path) || isC(path) || isRust(path);

/** The rules' own samples would break the rules. */
export const isTidyItself = (path: string): boolean => path.startsWith("test/tidy");

/** A violation for each line that `offends`; it returns what to say, or null. */
export function eachLine(
  source: Source,
  offends: (line: string, index: number, lines: string[]) => string | null,
): Violation[] {
  const lines = source.text.split("\n");
  return lines.flatMap((line, index) => {
    const rule = offends(line, index, lines);
    return rule === null ? [] : [{ path: source.path, line: index + 1, rule }];
  });
}

/** The line without strings and comments: by line, so good enough for formatted code only. */
export function codeOf(line: string): string {
  if (/^\s*(\*|\/\*|\/\/)/.test(line)) return "";
  return line
    .replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""')
    .replaceAll(/\/\*.*?\*\//g, "")
    .replace(/\/\/.*$/, "");
}

export function show(violation: Violation): string {
  return `${violation.path}:${violation.line}: ${violation.rule}`;
}
