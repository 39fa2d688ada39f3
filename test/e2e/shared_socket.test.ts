/**
 * Twenty connections of quic-go's over one UDP socket, most of them opened from others and migrated
 * to it: connections of different workers share one pair of addresses, which the kernel's hash can
 * not tell apart, and a train of datagrams may be of several of them. Each downloads and uploads.
 *
 * The two ways to the server: loopback, where a train is of one connection; and a device that
 * gathers what comes from one sender into trains, as busy network cards do.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Netsim } from "../../interop/netsim/spawn.ts";
import { type Choice, usableChoices } from "../support/engine_choices.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { faultsOf, multiplex } from "../support/multiplex_report.ts";
import { authorityOf, NetworkPlace } from "../support/network_place.ts";
import { peerMissing, skipReason } from "../support/peer.ts";
import { hashOf } from "../support/rebinding.ts";
import { sizedBody } from "./apps/sized_body.ts";

const CONNECTIONS = 20;
const BYTES = 500_000;
const NAT_REBINDINGS = 5;
/** Rounds of the client's: amid the migrations, and after them. */
const ROUNDS = 2;
/**
 * Nobody's are datagrams of a connection that is over, and those that are overtaken by the
 * retirement of their connection ID: a client that migrates retires it at once, with others still
 * on their way.
 */
const NOBODYS = 0.02;

const everything = process.env.QUICD_TIER !== undefined && process.env.QUICD_TIER !== "default";
const choices = (await usableChoices()).filter(
  ({ backend }, _, { 0: first }) => everything || backend === first?.backend,
);
const arms = (everything ? [2, 4] : [2]).flatMap((workers) =>
  choices.map((choice) => ({ workers, ...choice })),
);
const ofFirstBackend = ({ backend }: Choice) => backend === choices[0]?.backend;
const flags = ["-connections", `${CONNECTIONS}`, "-bytes", `${BYTES}`];
const downloadHash = hashOf(sizedBody(BYTES));

describe.skipIf(peerMissing("quic_go"))("many connections on one socket", () => {
  let place: NetworkPlace;
  let gathers = false;
  beforeAll(async () => {
    place = await NetworkPlace.open();
    gathers = !skipReason(place.gatherTrains());
  });
  afterAll(() => place?.close());

  function start(arm: (typeof arms)[number], prefix: string[]): Promise<MeasuredServer> {
    const limits = { idleTimeoutMs: 30_000, handshakeTimeoutMs: 5000 };
    return MeasuredServer.start({ hostname: "::", ...arm, ...limits }, prefix);
  }

  async function migrateTo(server: MeasuredServer, host: string, prefix: string[]) {
    const url = `https://${authorityOf(host, server.port)}`;
    const all = ["-url", url, "-sockets", `${CONNECTIONS}`, ...flags];
    const report = await multiplex(all, prefix);
    const { counters } = await server.until(
      (measure) => measure.counters.live_connections === 0,
      20_000,
    );
    expect(faultsOf(report, downloadHash)).toEqual([]);
    expect(report.transfers.length).toBe(2 * ROUNDS * CONNECTIONS);
    expect(report.migrated).toBe(CONNECTIONS - 1);
    // Counted when the new path is validated: some transfers are over before that.
    expect(counters.rebindings).toBeGreaterThan(0);
    expect(counters.receive_unknown).toBeLessThan(counters.receive_datagrams * NOBODYS);
    expect(counters).toMatchObject({ live_connections: 0, live_streams: 0, chunks_live: 0 });
    expect(await server.stop()).toBe(0);
    return { report, counters };
  }

  function tell(
    where: string,
    { workers, routing, backend }: (typeof arms)[number],
    { report, counters }: Awaited<ReturnType<typeof migrateTo>>,
  ): void {
    console.log(
      `one socket, ${where}, ${workers} workers, ${routing}, ${backend}: ` +
        `${report.seconds.toFixed(1)} s, ${counters.rebindings} migrations counted, ` +
        `${counters.receive_datagrams} datagrams in ` +
        `${counters.receive_calls} trains, ${counters.receive_forwarded} forwarded, ` +
        `${counters.receive_forward_full} dropped by full rings, ` +
        `${counters.receive_unknown} for nobody`,
    );
  }

  test.each(arms)(
    "loopback: $workers workers, $routing, $backend",
    async (arm) => {
      const result = await migrateTo(await start(arm, []), "127.0.0.1", []);
      tell("loopback", arm, result);
      const { receive_forwarded } = result.counters;
      if (arm.routing === "ebpf") expect(receive_forwarded).toBe(0);
      else expect(receive_forwarded).toBeGreaterThan(0);
    },
    90_000,
  );

  test.each(arms)(
    "mixed trains: $workers workers, $routing, $backend",
    async (arm) => {
      if (!gathers) return;
      const server = await start(arm, place.serverPrefix);
      const host = place.addresses(4).server;
      // Datagrams one by one, for the device to gather.
      const prefix = [...place.neighbourPrefix, "env", "QUIC_GO_DISABLE_GSO=true"];
      const result = await migrateTo(server, host, prefix);
      tell("gathered", arm, result);
      expect(result.counters.receive_calls).toBeLessThan(result.counters.receive_datagrams);
      // A train goes by its first datagram: the others of it are forwarded, with eBPF too.
      expect(result.counters.receive_forwarded).toBeGreaterThan(0);
    },
    90_000,
  );

  /** Not before the clients, too, know that the handshake is over (RFC 9000 §9). */
  async function rebindOften(netsim: Netsim, server: MeasuredServer): Promise<void> {
    await server.until(({ counters }) => counters.established === CONNECTIONS, 20_000);
    await Bun.sleep(2000);
    for (let i = 0; i < NAT_REBINDINGS; i++) {
      await netsim.rebind("port");
      await Bun.sleep(300);
    }
  }

  test.concurrent.skipIf(!everything).each(arms.filter(ofFirstBackend))(
    "behind a NAT that forgets: $workers workers, $routing, $backend",
    async (arm) => {
      const server = await start(arm, place.serverPrefix);
      const at = { host: place.addresses(4).server, port: server.port };
      // Room for all their windows: what is lost is lost by the rebindings.
      const path = ["--delay", "5ms", "--rate", "30mbit", "--queue", "1000"];
      const { result } = await place.through(at, path, async (entrance) => {
        // A client that waits in silence would never show its new port.
        const url = `https://${entrance.authority}`;
        const all = ["-url", url, "-keep-alive", "300ms", ...flags];
        const rebound = rebindOften(entrance.netsim, server);
        const report = await multiplex(all, entrance.prefix);
        await rebound;
        return report;
      });
      const { counters } = await server.ask("measure");
      console.log(
        `one socket behind a NAT, ${arm.workers} workers, ${arm.routing}, ${arm.backend}: ` +
          `${result.seconds.toFixed(1)} s, ${counters.rebindings} rebindings counted, ` +
          `${counters.receive_forwarded} datagrams forwarded`,
      );
      expect(faultsOf(result, downloadHash)).toEqual([]);
      expect(counters.rebindings).toBeGreaterThan(CONNECTIONS);
      expect(await server.stop()).toBe(0);
    },
    90_000,
  );
});
