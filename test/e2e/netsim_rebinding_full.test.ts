/**
 * A client whose address changes 20 times during one download, as behind a NAT that forgets: the
 * connection goes on, also when the client has given the server no second connection ID to answer
 * to.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FetchReport } from "../support/aioquic_report.ts";
import { type Fixture, makeFixture } from "../support/fixture.ts";
import { aioquicCommand, peerMissing, run } from "../support/peer.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

const REBINDINGS = 20;
/** At 10 Mbit/s these take 8 s at the least, and the rebindings 7: all of them fall into it. */
const BYTES = 10_000_000;
const NO_SPARE = ["--no-spare-ids", "--id-limit", "2"];

describe.skipIf(peerMissing("aioquic"))(`${REBINDINGS} rebindings in one download`, () => {
  let network: SimulatedNetwork;
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = makeFixture("rebinding", [BYTES]);
    network = await SimulatedNetwork.open({
      target: fixture.folder,
      alpn: "h3,hq-interop",
      workers: 1,
    });
  });
  afterAll(async () => {
    expect(await network?.close()).toBe(0);
  });

  test.each([
    ["port", "with spare client IDs", []],
    ["port", "without spare client IDs", NO_SPARE],
    ["address", "with spare client IDs", []],
    ["address", "without spare client IDs", NO_SPARE],
  ] as const)(
    "of the %s, %s",
    async (what, ids, clientFlags) => {
      const file = fixture.files[0];
      const rebind = ["--rebind-every", "350ms", "--rebind-count", `${REBINDINGS}`];
      if (what === "address") rebind.push("--rebind-address");
      const { result, counters } = await network.through(rebind, ({ host, port, prefix }) => {
        // PINGs: a client that only receives says nothing to learn its new address from.
        const where = ["--host", host, "--port", `${port}`, "--ping-every", "0.1"];
        const flags = [...where, ...clientFlags, `/${file?.name}`];
        return run([...prefix, ...aioquicCommand("fetch", "--timeout", "30", ...flags)], 50);
      });
      if (!result.stdout.startsWith("{")) throw new Error(result.stderr);
      const report = JSON.parse(result.stdout) as FetchReport;
      console.log(
        `netsim: ${counters.rebindings} rebindings of the ${what} ${ids}: 10 MB in ` +
          `${report.seconds} s, ${counters.stale} packets to ended mappings`,
      );
      expect(report.files).toMatchObject([{ error: null, sha256: file?.sha256 }]);
      expect(counters.rebindings).toBe(REBINDINGS);
    },
    60_000,
  );
});
