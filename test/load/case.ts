/** Runs of load against servers of the tests. */
import type { LoadPlan } from "../../src/load/plan.ts";
import type { LoadReport } from "../../src/load/report.ts";
import { LoadRun } from "../../src/load/run.ts";
import { wantedBackend } from "../support/backend.ts";

/** Small, and without a warm-up: the server then has seen what was counted, and no more. */
export function planTo(server: { port: number }, more: Partial<LoadPlan> = {}): LoadPlan {
  return {
    ...{ url: `https://127.0.0.1:${server.port}/`, mode: "requests", method: "GET", fields: [] },
    ...{ payloadBytes: 0, status: null, expect: { kind: "any" }, handshake: "full" },
    ...{ connections: 3, streams: 4, rate: null, warmUpSeconds: 0, seconds: 1, operations: 300 },
    ...{ timeoutMs: 5000, threads: 1, ca: "", insecure: true },
    engine: { workers: 1, backend: wantedBackend() ?? "auto" },
    ...more,
  };
}

export async function loaded(plan: LoadPlan): Promise<LoadReport> {
  const run = await LoadRun.start(plan);
  try {
    return await run.measure();
  } finally {
    await run.close();
  }
}
