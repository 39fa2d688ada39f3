/**
 * The results as JSON in the schema of the QUIC Interop Runner, so that its own page can show them,
 * and under `quicd` what that schema has no place for: counts, reasons and kept folders.
 */
import type { Case } from "../cases/case.ts";
import { type CaseTally, type Cell, rateText } from "./tally.ts";

export interface RunFacts {
  suite: "quic" | "webtransport";
  /** Milliseconds since 1970. */
  startedAtMs: number;
  endedAtMs: number;
  /** Where the kept runs are. */
  logDirectory: string;
  seed: number;
  runs: number;
  /** As in RunKey. */
  variant: string;
  /** By name: what each endpoint is. */
  endpoints: Readonly<Record<string, string>>;
}

export interface Results {
  start_time: number;
  end_time: number;
  log_dir: string;
  servers: string[];
  clients: string[];
  /** Home pages; empty here: what an endpoint is stands in quicd.endpoints. */
  urls: Record<string, string>;
  tests: Record<string, { name: string; desc: string }>;
  quic_version: string;
  /** For each client, for each server. */
  results: { abbr: string; name: string; result: string | null }[][];
  measurements: { name: string; abbr: string; result: string; details: string }[][];
  quicd: RunFacts & { cells: readonly Cell[] };
}

export function resultsOf(
  facts: RunFacts,
  cases: readonly Case[],
  cells: readonly Cell[],
): Results {
  const servers = [...new Set(cells.map(({ server }) => server))];
  const clients = [...new Set(cells.map(({ client }) => client))];
  const ofEach = <T>(make: (cases: readonly CaseTally[]) => T[]): T[][] =>
    clients.flatMap((client) =>
      servers.map((server) => {
        const cell = cells.find((one) => one.server === server && one.client === client);
        return make(cell?.cases ?? []);
      }),
    );
  return {
    start_time: facts.startedAtMs / 1000,
    end_time: facts.endedAtMs / 1000,
    log_dir: facts.logDirectory,
    servers,
    clients,
    urls: Object.fromEntries([...servers, ...clients].map((name) => [name, ""])),
    tests: Object.fromEntries(
      cases.map((one) => [one.abbreviation, { name: one.name, desc: one.description }]),
    ),
    quic_version: "0x1",
    results: ofEach((found) => found.filter((one) => one.kind === "test").map(testResult)),
    measurements: ofEach((found) =>
      found.flatMap((one) => (one.kind === "measurement" ? measurementResult(one) : [])),
    ),
    quicd: { ...facts, cells },
  };
}

function testResult(one: CaseTally) {
  return { abbr: one.abbreviation, name: one.name, result: one.outcome };
}

function measurementResult(one: CaseTally) {
  if (one.outcome === null) return [];
  const details = one.outcome === "succeeded" ? rateText(one.kbitPerSecond) : "";
  return [{ name: one.name, abbr: one.abbreviation, result: one.outcome, details }];
}
