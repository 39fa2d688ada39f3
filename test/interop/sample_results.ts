/** Two endpoints and a few cases, and what came out of them: for tests of tables and files. */
import type { Case } from "../../interop/cases/case.ts";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import type { RunRecord } from "../../interop/runner/run_record.ts";
import { tally } from "../../interop/runner/tally.ts";

const named = (name: string): Case => QUIC_CASES.find((one) => one.name === name)!;

export const SAMPLE_CASES = ["handshake", "ecn", "handshakeloss", "goodput"].map(named);

export const SAMPLE_PAIRS = [
  { server: "alpha", client: "beta" },
  { server: "alpha", client: "alpha" },
  { server: "beta", client: "alpha" },
];

export function sampleRecord(record: Partial<RunRecord>): RunRecord {
  return {
    suite: "quic",
    server: "alpha",
    client: "beta",
    case: "handshake",
    seed: 1,
    variant: "",
    outcome: "succeeded",
    reasons: [],
    kbitPerSecond: null,
    exitCodes: { client: 0, server: 0 },
    seconds: 2.5,
    startedAt: "2026-01-02T03:04:05.000Z",
    folder: null,
    ...record,
  };
}

const lost = { outcome: "failed", reasons: ["49 handshakes, not 50"] } as const;
const declined = { outcome: "unsupported", reasons: ["the client does not take part"] } as const;

export const SAMPLE_RECORDS: readonly RunRecord[] = [
  sampleRecord({}),
  sampleRecord({ seed: 2 }),
  sampleRecord({ case: "ecn", ...declined }),
  sampleRecord({ case: "ecn", seed: 2, ...declined }),
  sampleRecord({ case: "handshakeloss" }),
  sampleRecord({ case: "handshakeloss", seed: 2, ...lost, folder: "runs/alpha_beta/x/2" }),
  sampleRecord({ case: "goodput", kbitPerSecond: 9500 }),
  sampleRecord({ case: "goodput", seed: 2, kbitPerSecond: 9540 }),
  sampleRecord({ client: "alpha" }),
  sampleRecord({ server: "beta", client: "alpha", ...lost }),
];

export const SAMPLE_CELLS = tally(SAMPLE_PAIRS, SAMPLE_CASES, SAMPLE_RECORDS);

export const SAMPLE_FACTS = {
  suite: "quic",
  startedAtMs: Date.parse("2026-01-02T03:04:05Z"),
  endedAtMs: Date.parse("2026-01-02T03:14:05Z"),
  logDirectory: "runs",
  seed: 1,
  runs: 2,
  variant: "",
  endpoints: { alpha: "the first", beta: "the <second>" },
} as const;
