/** One worker behind the network simulator: handshake, 10 MB on a clean path, 10 MB at 2 % loss. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Fixture, hashFile, makeFixture } from "../support/fixture.ts";
import { curlCommand, peerMissing, run } from "../support/peer.ts";
import { TemporaryFolder } from "../support/server_process.ts";
import { ROUND_TRIP_MS, SimulatedNetwork } from "../support/simulated_network.ts";

const BYTES = 10_000_000;

describe.skipIf(peerMissing("curl"))("one worker behind a simulated network", () => {
  let network: SimulatedNetwork;
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = makeFixture("netsim", [1024, BYTES]);
    network = await SimulatedNetwork.open({ target: fixture.folder, workers: 1 });
  });
  afterAll(async () => {
    expect(await network?.close()).toBe(0);
  });

  /** Downloads the fixture of that size through a link with these flags, and compares its hash. */
  async function download(bytes: number, ...flags: string[]) {
    const file = fixture.files.find((candidate) => candidate.bytes === bytes);
    if (file === undefined) throw new Error(`no fixture of ${bytes} bytes`);
    using out = new TemporaryFolder();
    const format = "%{time_appconnect} %{time_total} %{response_code}";
    const { result, counters } = await network.through(flags, ({ host, port, prefix }) => {
      const url = `https://${host}:${port}/${file.name}`;
      return run([...prefix, ...curlCommand("-o", out.join("out"), "-w", format, url)]);
    });
    expect(`${result.exitCode} ${result.stderr}`).toBe("0 ");
    const [connect = 0, total = 0, status = 0] = result.stdout.split(" ").map(Number);
    expect(status).toBe(200);
    expect(await hashFile(out.join("out"))).toBe(file.sha256);
    // Nothing was lost but what the simulator lost on purpose.
    expect(counters).toMatchObject({ sendFailed: 0, kernelDropped: 0 });
    return { connectMs: connect * 1000, seconds: total, counters };
  }

  test("a handshake takes one round trip", async () => {
    // The best of some: the first also waits for ARP and for cold code, others for a busy machine.
    let connectMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 10 && connectMs >= 2 * ROUND_TRIP_MS; i++) {
      connectMs = Math.min(connectMs, (await download(1024)).connectMs);
    }
    const figure = connectMs.toFixed(1);
    console.log(`netsim: handshake ${figure} ms at a round trip of ${ROUND_TRIP_MS} ms`);
    expect(connectMs).toBeWithin(ROUND_TRIP_MS, 2 * ROUND_TRIP_MS);
  });

  test("10 MB on a clean path fill the link", async () => {
    const { seconds, counters } = await download(BYTES);
    const mbit = (BYTES * 8) / seconds / 1e6;
    const dropped = counters.toClient.queueDropped;
    console.log(`netsim: goodput ${mbit.toFixed(2)} of 10 Mbit/s, ${dropped} dropped by the queue`);
    expect(mbit).toBeGreaterThan(7);
  }, 60_000);

  test("10 MB at 2 % loss each way arrive whole", async () => {
    const { seconds, counters } = await download(BYTES, "--loss", "2%", "--seed", "5");
    const lost = counters.toClient.lost + counters.toServer.lost;
    console.log(`netsim: seed 5, ${lost} packets lost, 10 MB in ${seconds.toFixed(1)} s`);
    expect(counters.toClient.lost).toBeGreaterThan(50);
  }, 60_000);
});
