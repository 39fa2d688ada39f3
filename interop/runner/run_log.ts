/**
 * The state of a run of many hours: a line of JSON for each finished run, written at once. A run
 * that was cut short is continued by reading it: what is in it is not done again.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { keyText, type RunKey, type RunRecord } from "./run_record.ts";

export class RunLog {
  readonly #records = new Map<string, RunRecord>();

  /** Reads what is there. A last line that was cut in the middle is a run that did not finish. */
  constructor(readonly path: string) {
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path)) return;
    const text = readFileSync(path, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) appendFileSync(path, "\n");
    for (const line of whole.split("\n")) {
      const record = parse(line);
      if (record) this.#records.set(keyText(record), record);
    }
  }

  find(key: RunKey): RunRecord | null {
    return this.#records.get(keyText(key)) ?? null;
  }

  add(record: RunRecord): void {
    this.#records.set(keyText(record), record);
    appendFileSync(this.path, `${JSON.stringify(record)}\n`);
  }
}

/** Null for a line that an interrupted run left behind. */
function parse(line: string): RunRecord | null {
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === "object" && value !== null && "outcome" in value;
    return isRecord ? (value as RunRecord) : null;
  } catch {
    return null;
  }
}
