/**
 * A server with real keys attacks our client: rows 14, 17 to 22 and 33 of the list of attacks
 * (SECURITY.md) from the other side. Each connection ends with the rule's error, or lives.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { EchoFactory } from "../../src/apps/echo/factory.ts";
import type { QuicClient } from "../../src/client.ts";
import type { QuicConnection } from "../../src/transport/app.ts";
import { type AttackReport, outcomeOf } from "../support/attack.ts";
import {
  EITHER,
  frameTypeOf,
  OF_PACKETS,
  OF_SERVER_PARAMETERS,
  type Outcomes,
  RANDOM_PARAMETERS,
  REFUSALS,
} from "../support/attack_outcomes.ts";
import { newClient, optionsTo } from "../support/client_side.ts";
import { HostileServer } from "../support/hostile_server.ts";
import { peerMissing } from "../support/peer.ts";

/** Scenarios of attack_frames.py that a client meets in the same way. */
const OF_FRAMES: Outcomes = {
  "crypto-2^62": "CRYPTO_BUFFER_EXCEEDED",
  "crypto-far": "CRYPTO_BUFFER_EXCEEDED",
  "crypto-key-update": "TLS_UNEXPECTED_MESSAGE",
  "crypto-client-hello": "TLS_UNEXPECTED_MESSAGE",
  "max-streams-2^60": "FRAME_ENCODING_ERROR",
  "cid-limit": "CONNECTION_ID_LIMIT_ERROR",
  "cid-retire-above-sequence": "FRAME_ENCODING_ERROR",
  "cid-other-for-sequence": "PROTOCOL_VIOLATION",
  "cid-other-token": "PROTOCOL_VIOLATION",
  "cid-other-sequence": "PROTOCOL_VIOLATION",
  "cid-empty": "FRAME_ENCODING_ERROR",
  "cid-too-long": "FRAME_ENCODING_ERROR",
  "cid-repeated": "alive",
  "retire-never-issued": "PROTOCOL_VIOLATION",
  "retire-2^62": "PROTOCOL_VIOLATION",
};
const UPDATING = "keys-not-followed";
const EXPECTED: Outcomes = {
  ...OF_FRAMES,
  ...OF_PACKETS,
  // RFC 9001 §6.2
  [UPDATING]: "KEY_UPDATE_ERROR",
  ...OF_SERVER_PARAMETERS,
};
const NAMES = [...Object.keys(EXPECTED), ...RANDOM_PARAMETERS];

describe.skipIf(peerMissing("aioquic"))("a server that breaks a rule", () => {
  let client: QuicClient;
  const reports = new Map<string, AttackReport>();
  const refused = new Set<string>();

  beforeAll(async () => {
    const server = await HostileServer.start(NAMES);
    client = newClient();
    const held: QuicConnection[] = [];
    let updating: Timer | undefined;
    // One after the other, as the server gives each the next scenario; they go on all at once.
    for (const name of NAMES) {
      const options = optionsTo(server, "echo", { app: new EchoFactory() });
      const connection = await client.connect(options).catch(() => null);
      if (connection === null) refused.add(name);
      else held.push(connection);
      // Until it does when the server is ready for it.
      if (name === UPDATING) updating = setInterval(() => connection?.updateKeys(), 50);
    }
    for (const report of await server.reports()) reports.set(report.name, report);
    clearInterval(updating);
    for (const connection of held) connection.close();
  }, 90_000);
  afterAll(async () => {
    await client?.close();
  });

  test.each(Object.entries(EXPECTED))("%s: %s", (name, expected) => {
    const report = reports.get(name)!;
    expect(outcomeOf(report)).toBe(expected);
    if (report.close === null || name in OF_FRAMES) return;
    expect(report.close.frame_type).toBe(frameTypeOf(name));
  });

  test("transport parameters with octets changed: in order, or an error about them", () => {
    const outcomes = RANDOM_PARAMETERS.map((name) => outcomeOf(reports.get(name)!));
    const others = RANDOM_PARAMETERS.filter((_, i) => !EITHER.includes(outcomes[i]!));
    expect(others).toEqual([]);
    for (const one of EITHER.slice(0, 2)) expect(outcomes).toContain(one);
  });

  test("connect() fails where the parameters are wrong, and nowhere else", () => {
    const wrong = NAMES.filter((name) => REFUSALS.includes(outcomeOf(reports.get(name)!)));
    expect([...refused].sort()).toEqual(wrong.sort());
  });

  test("nothing stays", async () => {
    const deadline = performance.now() + 10_000;
    const live = async () =>
      (await client.counters()).reduce((sum, one) => sum + one.live_connections, 0);
    while ((await live()) > 0 && performance.now() < deadline) await Bun.sleep(50);
    const [counters] = await client.counters();
    console.log(
      `hostile server: ${NAMES.length} attacks, ${refused.size} handshakes refused; ` +
        `${counters!.live_connections} connections, ${counters!.chunks_live} chunks left`,
    );
    expect(counters).toMatchObject({ live_connections: 0, live_streams: 0, chunks_live: 0 });
    expect(counters).toMatchObject({ panics: 0 });
  }, 20_000);
});
