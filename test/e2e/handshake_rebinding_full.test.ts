/**
 * A client whose port changes while the handshake runs: what it has sent is known to one worker,
 * and what it sends next may come to another. It completes, or the client's next attempt does;
 * half-open connections go away, and nothing is left of them.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FetchReport } from "../support/aioquic_report.ts";
import { usableChoices } from "../support/engine_choices.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { type Entrance, NetworkPlace } from "../support/network_place.ts";
import { aioquicCommand, curlCommand, peerMissing, run } from "../support/peer.ts";

/** 100 ms there and back: what is sent when can be told apart. */
const PATH = ["--delay", "50ms", "--rate", "50mbit", "--queue", "0"];
/** From the client's first datagram; the names say what is on its way then. */
const MOMENTS = [
  ["the server's first flight", 75],
  ["the client's second flight", 130],
  ["the first answer", 180],
] as const;
const AIOQUIC = 10;
const CURLS = 5;
const HANDSHAKE_SECONDS = 3;

const choices = (await usableChoices()).filter(
  ({ backend }, _, { 0: first }) => backend === first?.backend,
);
const arms = [2, 4].flatMap((workers) => choices.map((choice) => ({ workers, ...choice })));

describe.skipIf(peerMissing("aioquic", "curl"))("a new port amid the handshake", () => {
  let place: NetworkPlace;
  beforeAll(async () => {
    place = await NetworkPlace.open();
  });
  afterAll(() => place?.close());

  /** How many of them got their answer. */
  async function aioquics({ host, port, prefix }: Entrance, count: number): Promise<number> {
    if (count === 0) return 0;
    const where = ["--host", host, "--port", `${port}`, "--connections", `${count}`];
    const limits = ["--handshake-timeout", `${HANDSHAKE_SECONDS}`, "--timeout", "5"];
    const paths = Array.from({ length: count }, () => "/x?bytes=1000");
    const command = aioquicCommand("fetch", ...where, ...limits, "--ping-every", "0.1", ...paths);
    const outcome = await run([...prefix, ...command], 40);
    if (!outcome.stdout.startsWith("{")) throw new Error(outcome.stderr.slice(-500));
    const { files } = JSON.parse(outcome.stdout) as FetchReport;
    return files.filter(({ error }) => error === null).length;
  }

  async function curls({ authority, prefix }: Entrance, count: number): Promise<number> {
    const flags = ["-o", "/dev/null", "--connect-timeout", `${HANDSHAKE_SECONDS}`];
    const url = `https://${authority}/x?bytes=1000`;
    const command = [...prefix, ...curlCommand(...flags, "--max-time", "8", url)];
    const outcomes = await Promise.all(Array.from({ length: count }, () => run(command, 20)));
    return outcomes.filter(({ exitCode }) => exitCode === 0).length;
  }

  /** Every client in its first attempt, and those of them that failed in another. */
  async function attempts(server: MeasuredServer, momentMs: number) {
    const at = { host: place.addresses(4).server, port: server.port };
    const rebind = ["--first-rebind", `${momentMs}ms`, "--rebind-every", "1000s"];
    const flags = [...PATH, ...rebind, "--rebind-count", "1"];
    const group = (clients: typeof curls, count: number) =>
      place.through(at, flags, async (entrance) => {
        const first = await clients(entrance, count);
        return { first, all: first + (await clients(entrance, count - first)) };
      });
    // Each kind behind a simulator of its own: the moment counts from its first datagram.
    const groups = await Promise.all([group(aioquics, AIOQUIC), group(curls, CURLS)]);
    const sum = (name: "first" | "all") =>
      groups.reduce((total, { result }) => total + result[name], 0);
    return { first: sum("first"), all: sum("all") };
  }

  test.concurrent.each(arms)(
    "$workers workers, $routing, $backend",
    async ({ workers, routing, backend }) => {
      const server = await MeasuredServer.start(
        {
          ...{ hostname: "::", workers, routing, backend },
          ...{ idleTimeoutMs: 5000, handshakeTimeoutMs: HANDSHAKE_SECONDS * 1000 },
        },
        place.serverPrefix,
      );
      const quiet = () => server.until(({ counters }) => counters.live_connections === 0, 30_000);
      // What is made once, at the first connections, is no leak.
      expect((await attempts(server, 1_000_000)).first).toBe(AIOQUIC + CURLS);
      await quiet();
      const before = await server.ask("collect");
      for (const [name, momentMs] of MOMENTS) {
        const { first, all } = await attempts(server, momentMs);
        console.log(
          `${workers} workers, ${routing}: new port during ${name}: ${first} of ` +
            `${AIOQUIC + CURLS} at the first attempt`,
        );
        expect(all).toBe(AIOQUIC + CURLS);
      }
      const { counters } = await quiet();
      const { memory } = await server.ask("collect");
      console.log(
        `${workers} workers, ${routing}: ${counters.handshake_timeouts} handshakes timed out, ` +
          `${counters.receive_forwarded} datagrams forwarded, native objects ` +
          `${before.memory.liveObjects} -> ${memory.liveObjects}`,
      );
      expect(counters).toMatchObject({ live_connections: 0, live_streams: 0, chunks_live: 0 });
      expect(counters.panics).toBe(0);
      // A worker whose first connection this was keeps something; a leaked connection is hundreds.
      expect(memory.liveObjects).toBeLessThanOrEqual(before.memory.liveObjects + 2 * workers);
      expect(await server.stop()).toBe(0);
    },
    120_000,
  );
});
