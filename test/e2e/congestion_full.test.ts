/**
 * What a congestion controller does to a short queue: through 10 Mbit/s, 15 ms each way, with room
 * for 10 and for 25 packets. BBR2 keeps to its pace, or does not; CUBIC is never paced. And a path
 * that takes only smaller packets than the server may send.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import type { RelayCounters } from "../../interop/netsim/relay.ts";
import { type Fixture, hashFile, makeFixture } from "../support/fixture.ts";
import { curlCommand, peerMissing, run } from "../support/peer.ts";
import { TemporaryFolder } from "../support/server_process.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

/** Long enough for the start not to matter, and short. */
const LONG = 10_000_000;
const SHORT = 3_000_000;
const BBR2 = { QUICD_QUIC_CONGESTION: "bbr2" };
const UNPACED = { ...BBR2, QUICD_QUIC_PACING: "false" };
/** Ethernet's packets without IP and UDP headers, on a path that takes 1400 with them. */
const DISCOVERY = {
  QUICD_QUIC_PATH_MTU_DISCOVERY: "true",
  QUICD_QUIC_MAX_UDP_PAYLOAD_BYTES: "1452",
};

interface Measured {
  mbit: number;
  toClient: RelayCounters["toClient"];
}

describe.skipIf(peerMissing("curl"))("behind a narrow path", () => {
  let fixture: Fixture;
  beforeAll(() => {
    fixture = makeFixture("congestion", [SHORT, LONG]);
  });

  /** A download from a server of its own; prints what it was like. */
  async function download(
    name: string,
    bytes: number,
    env: Record<string, string>,
    ...flags: string[]
  ): Promise<Measured> {
    const network = await SimulatedNetwork.open({ target: fixture.folder, workers: 1, env });
    const file = fixture.files.find((candidate) => candidate.bytes === bytes)!;
    using out = new TemporaryFolder();
    const format = "%{time_total} %{response_code}";
    const { result, counters } = await network.through(flags, ({ host, port, prefix }) => {
      const url = `https://${host}:${port}/${file.name}`;
      return run([...prefix, ...curlCommand("-o", out.join("out"), "-w", format, url)]);
    });
    expect(`${result.exitCode} ${result.stderr}`).toBe("0 ");
    const [seconds = 0, status = 0] = result.stdout.split(" ").map(Number);
    expect(status).toBe(200);
    expect(await hashFile(out.join("out"))).toBe(file.sha256);
    expect(await network.close()).toBe(0);
    const mbit = (bytes * 8) / seconds / 1e6;
    const { toClient } = counters;
    const lost = `${toClient.queueDropped} of ${toClient.offered} packets dropped`;
    console.log(`${name}: ${mbit.toFixed(2)} of 10 Mbit/s, ${lost}`);
    return { mbit, toClient };
  }

  test("BBR2 at its pace spares a short queue", async () => {
    const paced = await download("bbr2, paced, 10 places", SHORT, BBR2, "--queue", "10");
    const unpaced = await download("bbr2, not paced, 10 places", SHORT, UNPACED, "--queue", "10");
    expect(paced.toClient.queueDropped).toBeLessThan(unpaced.toClient.queueDropped);
  }, 60_000);

  test("BBR2 and CUBIC fill the link", async () => {
    const bbr2 = await download("bbr2, paced, 25 places", LONG, BBR2);
    const cubic = await download("cubic, 25 places", LONG, {});
    expect(bbr2.mbit).toBeGreaterThan(8);
    expect(cubic.mbit).toBeGreaterThan(8);
  }, 120_000);

  // Who takes back what a loss took from the window loses one packet of fifty here.
  test("CUBIC behind a short queue backs off", async () => {
    const cubic = await download("cubic, 10 places", LONG, {}, "--queue", "10");
    expect(cubic.toClient.queueDropped * 100).toBeLessThan(cubic.toClient.offered);
  }, 60_000);

  test("packets grow to what the path takes", async () => {
    const { toClient } = await download("path of 1400 bytes", SHORT, DISCOVERY, "--mtu", "1400");
    const { tooLarge, deliveredBytesMax } = toClient;
    console.log(`${tooLarge} probes too large, packets of at most ${deliveredBytesMax} bytes`);
    expect(tooLarge).toBeWithin(1, 40);
    // Without IP and UDP headers.
    expect(deliveredBytesMax).toBe(1400 - 28);
  }, 60_000);
});
