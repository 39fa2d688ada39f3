/**
 * 10,000 idle connections on one server: what each costs, and that all of it comes back.
 */
import { describe, expect, test } from "bun:test";
import { HeldConnections } from "../support/held_connections.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { peerMissing } from "../support/peer.ts";

const CONNECTIONS = 10_000;
/** Before the first measure: what a worker allocates once, and JavaScript's warm-up. */
const WARM_UP = 500;
/** Native bytes of one idle HTTP/3 connection; measured: 27 to 28 KB. */
const NATIVE_BYTES_MAX = 40_000;
/** Native bytes that may be left when all have gone: free lists may keep some. */
const LEFT_BYTES_MAX = 100_000;

describe.skipIf(peerMissing("quic_go"))("idle connections", () => {
  test("10,000 of them: bytes of each, and none when they are gone", async () => {
    const server = await MeasuredServer.start({
      ...{ hostname: "127.0.0.1", workers: 2, retry: "never", connections: CONNECTIONS },
      ...{ idleTimeoutMs: 600_000, handshakeTimeoutMs: 20_000 },
    });
    const gone = () => server.until(({ counters }) => counters.live_connections === 0, 20_000);
    const hold = (count: number) =>
      HeldConnections.open(server.port, count, ["-sockets", "64", "-parallel", "128"]);
    await (await hold(WARM_UP)).end();
    await gone();
    const before = await server.ask("collect");

    const started = performance.now();
    const held = await hold(CONNECTIONS);
    const seconds = (performance.now() - started) / 1000;
    // A handshake that took too long was begun anew: what is left of the first goes by itself.
    await server.until(({ counters }) => counters.live_connections <= CONNECTIONS, 30_000);
    const during = await server.ask("collect");
    expect(during.counters.live_connections).toBe(CONNECTIONS);
    const report = await held.end();
    expect(report.errors.slice(0, 3)).toEqual([]);
    await gone();
    // Peers that closed leave a draining connection for three probe timeouts.
    const after = await server.until(
      ({ memory }) => memory.liveBytes - before.memory.liveBytes < LEFT_BYTES_MAX,
      20_000,
    );

    const each = (bytes: number) => Math.round(bytes / CONNECTIONS);
    const native = each(during.memory.liveBytes - before.memory.liveBytes);
    const resident = each(during.residentBytes - before.residentBytes);
    const left = after.memory.liveBytes - before.memory.liveBytes;
    console.log(
      `${CONNECTIONS} idle connections (opened in ${seconds.toFixed(1)} s): ${native} native ` +
        `bytes and ${resident} resident bytes each; ${left} native bytes left when they are gone`,
    );
    expect(native).toBeLessThan(NATIVE_BYTES_MAX);
    expect(left).toBeLessThan(LEFT_BYTES_MAX);
    expect(after.counters).toMatchObject({ live_connections: 0, live_streams: 0, chunks_live: 0 });
    expect(await server.stop()).toBe(0);
  }, 120_000);
});
