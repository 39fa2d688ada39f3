/**
 * Acknowledgements, packets, key updates and transport parameters that break a rule, by a client
 * with real keys: rows 19 to 22 and 33 of the list of attacks (SECURITY.md).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  AttackedServer,
  type AttackReport,
  attack,
  held,
  outcomeOf,
  SteadyClient,
} from "../support/attack.ts";
import {
  EARLY,
  EITHER,
  frameTypeOf,
  OF_CLIENT_PARAMETERS,
  OF_PACKETS,
  RANDOM_PARAMETERS,
} from "../support/attack_outcomes.ts";
import type { Measure } from "../support/measured_server.ts";
import { peerMissing } from "../support/peer.ts";

const EXPECTED = { ...OF_PACKETS, ...OF_CLIENT_PARAMETERS };
const NAMES = [...Object.keys(EXPECTED), ...EARLY, ...RANDOM_PARAMETERS];

describe.skipIf(peerMissing("aioquic"))("packets that break a rule", () => {
  let attacked: AttackedServer;
  let before: Measure;
  let steady: SteadyClient;
  const reports = new Map<string, AttackReport>();

  beforeAll(async () => {
    attacked = await AttackedServer.start({ earlyData: true });
    // What is made once, by the first connections.
    await attack(attacked.port, ["packet-padding", "ack-unsent", "ack-range-flood"]);
    before = await attacked.quiet();
    steady = new SteadyClient(attacked.port);
    for (const report of await attack(attacked.port, NAMES, ["--parallel", "8"])) {
      reports.set(report.name, report);
    }
    await steady.stop();
  }, 60_000);
  afterAll(async () => {
    expect(await attacked?.stop()).toBe(0);
  });

  test.each(Object.entries(EXPECTED))("%s: %s", (name, expected) => {
    const report = reports.get(name)!;
    expect(outcomeOf(report)).toBe(expected);
    if (report.close !== null) expect(report.close.frame_type).toBe(frameTypeOf(name));
  });

  test("transport parameters with octets changed: in order, or an error about them", () => {
    const outcomes = RANDOM_PARAMETERS.map((name) => outcomeOf(reports.get(name)!));
    const others = RANDOM_PARAMETERS.filter((_, i) => !EITHER.includes(outcomes[i]!));
    expect(others).toEqual([]);
    // The changes are such that both happen.
    for (const one of EITHER.slice(0, 2)) expect(outcomes).toContain(one);
  });

  test.each(EARLY)("%s, in a 0-RTT packet: PROTOCOL_VIOLATION", (name) => {
    expect(outcomeOf(reports.get(name)!)).toBe("PROTOCOL_VIOLATION");
  });

  test("others notice nothing, and nothing stays", async () => {
    expect(steady.wrong).toEqual([]);
    expect(steady.whole).toBeGreaterThan(10);
    const after = await attacked.quiet();
    console.log(
      `packets: ${NAMES.length} attacks; ${steady.whole} requests beside it, slowest ` +
        `${steady.slowestMs.toFixed(0)} ms; ${after.counters.panics} panics`,
    );
    expect(held(after)).toEqual(held(before));
  }, 30_000);
});
