/**
 * Every case at least once in each of our roles, against peers that take part in it; compared with
 * interop/expected.json. Five runs against each peer: matrix_long.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import { ROOT, skipReason } from "../support/peer.ts";
import { endpointMissing, runnerUnavailable, startRunner } from "./runner_call.ts";

/** Cross traffic takes a minute each time and measures nothing on a machine with other work. */
const CASES = QUIC_CASES.map((one) => one.name).filter((name) => name !== "crosstraffic");
/**
 * By ngtcp2's client, which waits longer for one of fifty lossy handshakes than quic-go's (30 s),
 * and whose connection IDs let captures follow it to another address.
 */
const FOLLOWED = ["handshakeloss", "handshakecorruption", "rebind-port", "rebind-addr"];
const LIMIT_MS = 15 * 60 * 1000;
const unavailable = runnerUnavailable() ?? endpointMissing("quicd", "quic_go", "ngtcp2");
/** What failed is kept there. */
const OUT = join(ROOT, "build/interop/full");

async function expectAsExpected(
  server: string,
  client: string,
  cases: readonly string[],
): Promise<void> {
  const what = ["--server", server, "--client", client, "--case", cases.join(",")];
  const how = ["--repetitions", "1", "--out", join(OUT, `${server}_${client}`)];
  const call = startRunner([...what, ...how]);
  const exitCode = await call.exited;
  expect([exitCode, exitCode === 0 ? "" : call.output]).toEqual([0, ""]);
}

describe.skipIf(skipReason(unavailable))("the interop matrix", () => {
  test(
    "our server, quic-go's client",
    () =>
      expectAsExpected(
        "quicd",
        "quic_go",
        CASES.filter((name) => !FOLLOWED.includes(name)),
      ),
    LIMIT_MS,
  );

  test(
    "our server, ngtcp2's client",
    () => expectAsExpected("quicd", "ngtcp2", FOLLOWED),
    LIMIT_MS,
  );

  test("ngtcp2's server, our client", () => expectAsExpected("ngtcp2", "quicd", CASES), LIMIT_MS);
});
