/** A lab in namespaces: files through its simulator, and what its containers see. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../interop/lab/lab.ts";
import { labUnavailable, openLab } from "../../interop/lab/open_lab.ts";
import {
  endpoint,
  makeFiles,
  QUIC_GO,
  type TransferOptions,
  transfer,
} from "../../interop/lab/transfer.ts";
import { RunFolder } from "../../interop/runner/run_folder.ts";
import { peerMissing, skipReason } from "../support/peer.ts";
import { TemporaryFolder } from "../support/server_process.ts";
import { checksumsHold, endsOf, payloadOf, readCapture, TO_SERVER } from "./packets.ts";

setDefaultTimeout(60_000);
const LINK = "--delay=15ms --bandwidth=10Mbps --queue=25";
const unavailable = skipReason(labUnavailable());

describe.skipIf(unavailable || peerMissing("quic_go"))("a lab with quic-go", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(async () => {
    await lab?.close();
  });

  const run = (folder: TemporaryFolder, options: Partial<TransferOptions>) =>
    transfer(lab, {
      folder: new RunFolder(folder.path),
      scenario: `simple-p2p ${LINK}`,
      seed: 1,
      corrupt: "deliver",
      bytes: 500_000,
      host: "server4",
      testcase: "transfer",
      commands: QUIC_GO,
      confined: false,
      ...options,
    });

  test("carries a file, at the link's rate", async () => {
    using folder = new TemporaryFolder();
    const { exitCodes, equal, seconds, counters } = await run(folder, {});
    expect({ client: exitCodes.client, equal }).toEqual({ client: 0, equal: true });
    expect(seconds).toBeGreaterThan((500_000 * 8) / 10e6);
    expect(counters).toMatchObject({ toClientTooLarge: 0, toClientFailed: 0, toServerFailed: 0 });
  });

  test("carries a file over IPv6", async () => {
    using folder = new TemporaryFolder();
    const { exitCodes, equal } = await run(folder, { host: "server6", bytes: 10_000 });
    expect({ client: exitCodes.client, equal }).toEqual({ client: 0, equal: true });
  });

  test("loses the same packets with the same seed", async () => {
    const losses = async (seed: number) => {
      using folder = new TemporaryFolder();
      const rates = "--rate_to_server=10 --rate_to_client=10 --burst_to_server=3";
      const scenario = `drop-rate ${LINK} ${rates} --burst_to_client=3`;
      const { exitCodes, equal, counters } = await run(folder, { scenario, seed, bytes: 100_000 });
      expect({ client: exitCodes.client, equal }).toEqual({ client: 0, equal: true });
      const log = readFileSync(join(new RunFolder(folder.path).simulatorLogs, "simulator.log"));
      const lost = [...log.toString().matchAll(/to client: UDP packet (\d+) lost/g)];
      return { numbers: lost.map((match) => Number(match[1])), counters };
    };
    const [one, two] = [await losses(5), await losses(5)];
    expect(one.counters.toClientLost).toBe(one.numbers.length);
    // Up to the packet that both runs came to: how many there are is the endpoints' affair.
    const common = Math.min(one.numbers.at(-1) ?? 0, two.numbers.at(-1) ?? 0);
    const until = (numbers: readonly number[]) => numbers.filter((number) => number <= common);
    expect(until(one.numbers).length).toBeGreaterThan(3);
    expect(until(one.numbers)).toEqual(until(two.numbers));
  });

  /** Both endpoints under a scenario, until something has been seen; what the simulator counted. */
  async function runUntil(folder: RunFolder, scenario: string, seen: () => Promise<boolean>) {
    await makeFiles(folder, 2_000_000, 1);
    const server = await lab.start(endpoint("server", folder, QUIC_GO.server));
    const network = {
      scenario,
      seed: 1,
      corrupt: "deliver",
      folder: folder.simulatorLogs,
    } as const;
    const simulator = await lab.simulate(network);
    await simulator.ready;
    const client = await lab.start(endpoint("client", folder, QUIC_GO.client));
    while (!(await seen())) await Bun.sleep(50);
    await Promise.all([client.stop(), server.stop()]);
    return await simulator.stop();
  }

  test("rebinds: the server's side sees other ports and addresses, the client's none", async () => {
    using path = new TemporaryFolder();
    const folder = new RunFolder(path.path);
    const { leftCapture, rightCapture } = folder;
    const sources = (capture: string) => {
      const ends = readCapture(capture).map(endsOf);
      const toServer = ends.filter(({ destination }) => destination === TO_SERVER.destination);
      return new Set(toServer.map(({ source, sourcePort }) => `${source} ${sourcePort}`));
    };
    // Not to the end of the transfer: a rebinding amid the handshake is more than QUIC promises.
    const scenario = `rebind ${LINK} --first-rebind=0.5s --rebind-freq=0.5s --rebind-addr`;
    await runUntil(folder, scenario, async () => sources(rightCapture).size > 1);
    expect(sources(leftCapture).size).toBe(1);
    expect(readCapture(rightCapture).every(checksumsHold)).toBe(true);
    // The probe that the simulator began with is in neither: its answer is of version 0.
    const starts = readCapture(rightCapture).map((packet) => payloadOf(packet).subarray(0, 5));
    const isNegotiation = (start: Uint8Array) =>
      (start[0] ?? 0) >= 0x80 && start.subarray(1).every((byte) => byte === 0);
    expect(starts.filter(isNegotiation)).toEqual([]);
  });

  test("shares the link with a TCP flow", async () => {
    using folder = new TemporaryFolder();
    const { exitCodes, equal, trafficBytes, counters } = await run(folder, {
      crossTraffic: "cubic",
      bytes: 500_000,
    });
    expect({ client: exitCodes.client, equal }).toEqual({ client: 0, equal: true });
    expect(trafficBytes).toBeGreaterThan(50_000);
    expect(counters.toClientTooLarge).toBe(0);
  });

  test("loses UDP alone: TCP passes where no UDP packet does", async () => {
    using path = new TemporaryFolder();
    const folder = new RunFolder(path.path);
    const scenario = `drop-rate ${LINK} --rate_to_server=100 --rate_to_client=100`;
    const { toServerLost, toServerForwarded } = await runUntil(folder, scenario, async () => {
      const traffic = await lab.crossTraffic("reno");
      // The client asks a third time after more than half a second: time for TCP, too.
      while (readCapture(folder.leftCapture).length < 6) await Bun.sleep(50);
      expect(await traffic.stop()).toBeGreaterThan(50_000);
      return true;
    });
    expect(toServerLost).toBeGreaterThan(0);
    expect(toServerForwarded).toBeGreaterThan(0);
    expect(readCapture(folder.rightCapture).length).toBe(0);
  });
});
