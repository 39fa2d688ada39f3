/** One line of the report: a verdict on one thing, and what to do about it. */

const KIB = 1024;
const MIB = 1024 * KIB;

export type Verdict = "ok" | "warning" | "problem" | "not checked";

export interface Line {
  name: string;
  found: string;
  /** A problem keeps the native server from starting; a warning costs speed or safety from loss. */
  verdict: Verdict;
  /** What to type or to change; "" exactly when the verdict is "ok" or "not checked". */
  remedy: string;
}

export function ok(name: string, found: string): Line {
  return { name, found, verdict: "ok", remedy: "" };
}

export function warning(name: string, found: string, remedy: string): Line {
  return { name, found, verdict: "warning", remedy };
}

export function problem(name: string, found: string, remedy: string): Line {
  return { name, found, verdict: "problem", remedy };
}

export function notChecked(name: string, why: string): Line {
  return { name, found: why, verdict: "not checked", remedy: "" };
}

export const NO_LIBRARY = "needs the native library";
export const NOT_TOLD = "the system does not tell";

/** A command that changes the machine, as this user would have to type it. */
export function asRoot({ root }: { root: boolean }, command: string): string {
  return root ? command : `sudo ${command}`;
}

/** 4194304: "4 MiB". */
export function bytesText(bytes: number): string {
  if (bytes === Number.POSITIVE_INFINITY) return "unlimited";
  const [size, unit] = bytes < MIB ? [bytes / KIB, "KiB"] : [bytes / MIB, "MiB"];
  return `${Number.isInteger(size) ? size : size.toFixed(1)} ${unit}`;
}
