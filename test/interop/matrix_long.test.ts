/**
 * Every case against every peer, in both roles, five runs each: hours. What was finished is not
 * done again when the test is: delete build/interop/long to begin anew.
 */
import { describe, test } from "bun:test";
import { join } from "node:path";
import { ROOT, skipReason } from "../support/peer.ts";
import { expectLongMatrix, presentEndpoints, runnerUnavailable } from "./runner_call.ts";

const LIMIT_MS = 4 * 3600 * 1000;
const OUT = join(ROOT, "build/interop/long");

describe.skipIf(skipReason(runnerUnavailable()))("the interop matrix, five times", () => {
  test.each(["quic", "webtransport"] as const)(
    "%s",
    async (suite) => {
      const peers = presentEndpoints(suite);
      if (!peers.includes("quicd")) return;
      const what = ["--suite", suite, "--peer", peers.join(","), "--runs", "5"];
      await expectLongMatrix(join(OUT, suite), what);
    },
    LIMIT_MS,
  );
});
