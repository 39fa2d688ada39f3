/**
 * Attacks that use addresses: migration towards somebody who never asked (row 28), IDs and routes
 * that are forged (23, 49), Stateless Resets as an oracle (23), forged ICMP (25).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { namespacesUnavailable } from "../../interop/netsim/namespaces.ts";
import {
  AttackedServer,
  type AttackReport,
  attack,
  attackCommand,
  held,
  outcomeOf,
  SteadyClient,
} from "../support/attack.ts";
import type { Measure } from "../support/measured_server.ts";
import { NetworkPlace } from "../support/network_place.ts";
import { peerMissing, run, skipReason } from "../support/peer.ts";

const AMPLIFICATION_MAX = 3;
/** Of stateless.c: 1000 a second and worker, 100 at a time. */
const RESETS_PER_SECOND = 1000;
const RESETS_AT_ONCE = 100;
const WORKERS = 2;
const RESET_BYTES_MIN = 21;
const RESET_BYTES_MAX = 42;

interface PathReport extends AttackReport {
  victim_sent: number;
  victim_received: number;
  answers: number;
  longest: number | [number, number];
  pairs: number[][];
  token_is_the_one_given: boolean;
}

describe.skipIf(peerMissing("aioquic"))("addresses", () => {
  let attacked: AttackedServer;
  let before: Measure;
  let steady: SteadyClient;

  beforeAll(async () => {
    attacked = await AttackedServer.start({ workers: WORKERS, idleTimeoutMs: 5000 });
    // Often enough to have met each worker.
    await attack(attacked.port, ["stream-last", "retire-in-use"], ["--repeat", "8"]);
    before = await attacked.quiet();
    steady = new SteadyClient(attacked.port);
  }, 30_000);
  afterAll(async () => {
    expect(await attacked?.stop()).toBe(0);
  });

  async function one(name: string): Promise<PathReport> {
    return (await attack(attacked.port, [name]))[0] as PathReport;
  }

  test("a victim gets at most three times what seemed to come from it", async () => {
    const names = ["victim-small", "victim-full", "victim-ten", "victims"];
    for (const report of await Promise.all(names.map(one))) {
      const { name, victim_sent: sent, victim_received: received } = report;
      console.log(`${name}: ${sent} -> ${received} bytes (${(received / sent).toFixed(2)})`);
      // The server follows, and asks: that it stays silent would prove nothing.
      expect(received).toBeGreaterThan(0);
      expect(received).toBeLessThanOrEqual(AMPLIFICATION_MAX * sent);
      // The address that was validated before is still good (RFC 9000 §9.3.2).
      expect(`${name}: ${outcomeOf(report)}`).toBe(`${name}: alive`);
    }
  }, 20_000);

  test("IDs of a live connection from elsewhere are not answered", async () => {
    const resets = (await attacked.server.ask("measure")).counters.send_resets;
    const report = await one("live-ids-elsewhere");
    console.log(`live IDs elsewhere: ${report.victim_sent} bytes, ${report.victim_received} back`);
    expect(report.victim_received).toBe(0);
    expect((await attacked.server.ask("measure")).counters.send_resets).toBe(resets);
    expect(outcomeOf(report)).toBe("alive");
  }, 20_000);

  test("all 65536 values of generation and worker lead nowhere", async () => {
    const { counters, steering } = await attacked.server.ask("measure");
    const report = await one("forged-routes");
    const after = await attacked.server.ask("measure");
    const grown = (name: keyof typeof counters) => after.counters[name] - counters[name];
    console.log(
      `forged routes: ${grown("receive_datagrams")} datagrams, ${report.answers} answers, ` +
        `${grown("receive_forwarded")} forwarded, ${grown("accepted")} accepted; decoded ` +
        `${(after.steering?.decoded ?? 0) - (steering?.decoded ?? 0)}, foreign ` +
        `${(after.steering?.foreign ?? 0) - (steering?.foreign ?? 0)}, missed ` +
        `${(after.steering?.miss ?? 0) - (steering?.miss ?? 0)}`,
    );
    expect(grown("receive_datagrams")).toBeGreaterThan(60_000);
    // Its own connection, and the steady one's may have begun.
    expect(grown("accepted")).toBeLessThanOrEqual(2);
    // One value in 65536 is the true one; the check leaves none of the others.
    expect(report.answers).toBeLessThanOrEqual(RESETS_AT_ONCE + RESETS_PER_SECOND);
    expect(report.longest).toBeLessThanOrEqual(RESET_BYTES_MAX);
    expect(outcomeOf(report)).toBe("alive");
    expect(after.counters.panics).toBe(0);
  }, 30_000);

  test("a forged Stateless Reset ends nothing", async () => {
    expect(outcomeOf(await one("forged-resets"))).toBe("alive");
  }, 20_000);

  test("an ID that is nobody's is answered by less, with the token that was given", async () => {
    const report = await one("stale-ids");
    for (const [asked, ...answers] of report.pairs) {
      const wanted = Math.min(asked! - 1, RESET_BYTES_MAX);
      expect(`${asked}: ${answers}`).toBe(`${asked}: ${wanted < RESET_BYTES_MIN ? "" : wanted}`);
    }
    expect(report.token_is_the_one_given).toBe(true);
    expect(outcomeOf(report)).toBe("alive");
  }, 20_000);

  test("others went on, and nothing stays", async () => {
    await steady.stop();
    console.log(`beside: ${steady.whole} requests, slowest ${steady.slowestMs.toFixed(0)} ms`);
    expect(steady.wrong).toEqual([]);
    expect(steady.whole).toBeGreaterThan(50);
    const after = await attacked.quiet();
    expect(held(after)).toEqual(held(before));
  }, 30_000);
});

/** Of the middle, as the server sees it. */
const NEIGHBOUR = "198.51.100.1";
const noNamespaces = namespacesUnavailable();
const noIcmp = peerMissing("aioquic") || skipReason(noNamespaces);

describe.skipIf(noIcmp)("forged ICMP", () => {
  test("does not make the server's datagrams smaller", async () => {
    const place = await NetworkPlace.open();
    const { server: hostname } = place.addresses(4);
    const attacked = await AttackedServer.start({ hostname }, place.serverPrefix);
    try {
      const flags = ["--host", hostname, "--port", `${attacked.port}`, "icmp-too-big"];
      const command = [...place.neighbourPrefix, ...attackCommand(...flags)];
      const outcome = await run(command, 30);
      const report = JSON.parse(outcome.stdout).attacks[0] as PathReport;
      // That the kernel believed it is what makes this an attack.
      const route = Bun.spawnSync(
        [...place.serverPrefix, "ip", "route", "get", NEIGHBOUR, "from", hostname],
        { stderr: "pipe" },
      ).stdout.toString();
      const { counters } = await attacked.server.ask("measure");
      console.log(
        `ICMP too big: longest datagram ${report.longest}, kernel: ` +
          `${/mtu .*?\d+/.exec(route)?.[0]}; send errors ${counters.send_errors}`,
      );
      expect(route).toContain(" mtu ");
      const [first, then] = report.longest as [number, number];
      expect(first).toBeGreaterThanOrEqual(1200);
      expect(then).toBe(first);
      expect(counters.send_errors).toBe(0);
      expect(outcomeOf(report)).toBe("alive");
    } finally {
      await attacked.stop();
      await place.close();
    }
  }, 40_000);
});
