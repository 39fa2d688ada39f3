/**
 * Failures of applications on standard error, no more of them than a person can read: peers can
 * make them happen, so they must not be able to fill a disk. What is left out is counted in the
 * next one.
 */

/** A burst of so many lines, then one for each interval. */
const BURST_LINES = 10;
const LINE_INTERVAL_MS = 1000;

export class FailureLog {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  #allowance = BURST_LINES;
  #lastMs: number;
  #omitted = 0;

  /** @param now milliseconds, of any clock that only goes forward */
  constructor(
    write: (line: string) => void = (line) => console.error(line),
    now: () => number = () => performance.now(),
  ) {
    this.#write = write;
    this.#now = now;
    this.#lastMs = now();
  }

  report(line: string): void {
    const nowMs = this.#now();
    const earned = (nowMs - this.#lastMs) / LINE_INTERVAL_MS;
    this.#allowance = Math.min(BURST_LINES, this.#allowance + earned);
    this.#lastMs = nowMs;
    if (this.#allowance < 1) {
      this.#omitted++;
      return;
    }
    this.#allowance--;
    const omitted = this.#omitted === 0 ? "" : ` (${this.#omitted} more before it not shown)`;
    this.#omitted = 0;
    this.#write(line + omitted);
  }
}

/** For all that peers can bring about on this thread. */
export const standardError = new FailureLog();

/**
 * An error's name, message and place, from its stack or from the listing with source lines that an
 * ErrorEvent of a Worker has.
 */
export function oneLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const said = lines.filter((line) => line !== "" && !/^\d+ \| |^\^|^at /.test(line));
  const message = (said.find((line) => /^[\w.]*[Ee]rror\b/.test(line)) ?? said[0] ?? "no reason")
    .replace(/^error: /, "Error: ")
    .slice(0, MESSAGE_CHARACTERS_MAX);
  const place = /^at .*?\(?((?:[^\s()]+):\d+:\d+)\)?$/.exec(lines.find(isPlace) ?? "")?.[1];
  return place === undefined ? message : `${message} (${place})`;
}

const MESSAGE_CHARACTERS_MAX = 300;

function isPlace(line: string): boolean {
  return /^at .*:\d+:\d+\)?$/.test(line);
}
