/**
 * Every case against every peer, in both roles, five runs each: hours. What was finished is not
 * done again when the test is: delete build/interop/long to begin anew.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT, skipReason } from "../support/peer.ts";
import { presentEndpoints, runnerUnavailable, startRunner } from "./runner_call.ts";

const LIMIT_MS = 4 * 3600 * 1000;
const OUT = join(ROOT, "build/interop/long");

describe.skipIf(skipReason(runnerUnavailable()))("the interop matrix, five times", () => {
  test.each(["quic", "webtransport"] as const)(
    "%s",
    async (suite) => {
      const peers = presentEndpoints(suite);
      if (!peers.includes("quicd")) return;
      const out = join(OUT, suite);
      const resume = existsSync(join(out, "runs.jsonl")) ? ["--resume"] : [];
      const what = ["--suite", suite, "--peer", peers.join(","), "--runs", "5"];
      const call = startRunner([...what, "--out", out, ...resume]);
      const exitCode = await call.exited;
      expect([exitCode, exitCode === 0 ? "" : call.output]).toEqual([0, ""]);
    },
    LIMIT_MS,
  );
});
