/** One finished run, as the state file and each run's folder keep it. */
import type { Outcome, Role } from "../cases/case.ts";

/** What makes a run the same run: asked for again, it need not be done again. */
export interface RunKey {
  suite: "quic" | "webtransport";
  server: string;
  client: string;
  /** Name of the case. */
  case: string;
  seed: number;
  /** What differs from a plain run ("--unconfined"); "" for a plain one. */
  variant: string;
}

export interface RunRecord extends RunKey {
  outcome: Outcome;
  /** Empty when it succeeded. */
  reasons: readonly string[];
  /** Of a measurement that succeeded; else null. */
  kbitPerSecond: number | null;
  /** Null: it was stopped, or never started. */
  exitCodes: Readonly<Record<Role, number | null>>;
  seconds: number;
  /** When it began; ISO 8601. */
  startedAt: string;
  /** Relative to the folder of all runs; null when it was not kept. */
  folder: string | null;
}

export function keyText(key: RunKey): string {
  const { suite, server, client, seed, variant } = key;
  return JSON.stringify([suite, server, client, key.case, seed, variant]);
}
