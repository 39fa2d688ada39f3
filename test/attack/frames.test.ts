/**
 * Frames that break a rule of RFC 9000, each sent with real keys on a connection of its own: the
 * server closes that connection with the error that the rule names, and nothing else happens. Rows
 * 11, 12, 14, 16 to 18, 30 and 32 of the list of attacks (SECURITY.md).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  AttackedServer,
  type AttackReport,
  attack,
  type Code,
  held,
  outcomeOf,
  SteadyClient,
} from "../support/attack.ts";
import type { Measure } from "../support/measured_server.ts";
import { peerMissing } from "../support/peer.ts";

/** By scenario of interop/peers/aioquic/attack_frames.py; "alive": to be ignored. */
const EXPECTED: Record<string, Code | "alive"> = {
  // 11 (RFC 9000 §4.6, §3.5, §19.5, §19.8, §19.10, §19.11)
  "stream-limit": "STREAM_LIMIT_ERROR",
  "stream-limit-uni": "STREAM_LIMIT_ERROR",
  "stream-2^60": "STREAM_LIMIT_ERROR",
  "stream-last": "alive",
  "reset-beyond-limit": "STREAM_LIMIT_ERROR",
  "stop-beyond-limit": "STREAM_LIMIT_ERROR",
  "credit-beyond-limit": "STREAM_LIMIT_ERROR",
  "stream-of-the-server": "STREAM_STATE_ERROR",
  "stop-own-stream": "STREAM_STATE_ERROR",
  "credit-own-stream": "STREAM_STATE_ERROR",
  "stream-not-opened-by-server": "STREAM_STATE_ERROR",
  "max-streams-2^60": "FRAME_ENCODING_ERROR",
  // 12 (§4.1, §4.5, §19.8)
  "beyond-stream-window": "FLOW_CONTROL_ERROR",
  "empty-beyond-stream-window": "FLOW_CONTROL_ERROR",
  "stream-offset-2^62": "FRAME_ENCODING_ERROR",
  "beyond-connection-window": "FLOW_CONTROL_ERROR",
  "reset-beyond-stream-window": "FLOW_CONTROL_ERROR",
  "reset-beyond-connection-window": "FLOW_CONTROL_ERROR",
  "final-size-grows": "FINAL_SIZE_ERROR",
  "final-size-shrinks": "FINAL_SIZE_ERROR",
  "data-beyond-final-size": "FINAL_SIZE_ERROR",
  "reset-changes-final-size": "FINAL_SIZE_ERROR",
  "reset-below-received": "FINAL_SIZE_ERROR",
  // 14 (§7.5, §19.6; RFC 9001 §4.8, §6)
  "crypto-2^62": "CRYPTO_BUFFER_EXCEEDED",
  "crypto-far": "CRYPTO_BUFFER_EXCEEDED",
  "crypto-key-update": "TLS_UNEXPECTED_MESSAGE",
  "crypto-client-hello": "TLS_UNEXPECTED_MESSAGE",
  // 16 (§19.18): allowed to be an error; ignored here, and no path is validated by it
  "path-response-zero": "alive",
  "path-response-random": "alive",
  // 32 (§13.4.2.1): at most marks end
  "ecn-largest": "alive",
  "ecn-decrease": "alive",
  "ecn-another-mark": "alive",
  // 17 (§5.1.1, §19.15)
  "cid-limit": "CONNECTION_ID_LIMIT_ERROR",
  "cid-retire-above-sequence": "FRAME_ENCODING_ERROR",
  "cid-other-for-sequence": "PROTOCOL_VIOLATION",
  "cid-other-token": "PROTOCOL_VIOLATION",
  "cid-other-sequence": "PROTOCOL_VIOLATION",
  "cid-empty": "FRAME_ENCODING_ERROR",
  "cid-too-long": "FRAME_ENCODING_ERROR",
  "cid-repeated": "alive",
  // 18 (§19.16)
  "retire-in-use": "PROTOCOL_VIOLATION",
  "retire-never-issued": "PROTOCOL_VIOLATION",
  "retire-2^62": "PROTOCOL_VIOLATION",
  // 30 (RFC 9221 §4; a frame that ends beyond its packet: RFC 9000 §12.4)
  "datagram-truncated": "FRAME_ENCODING_ERROR",
  "datagram-empty": "alive",
  // what only servers send (§19.7, §19.20)
  "new-token": "PROTOCOL_VIOLATION",
  "handshake-done": "PROTOCOL_VIOLATION",
};
const NAMES = Object.keys(EXPECTED);
/**
 * Which frame was at fault, as CONNECTION_CLOSE names it (RFC 9000 §19.19): by the beginning of the
 * scenario's name.
 */
const FRAME_TYPES: Record<string, number> = {
  "stream-": 0x0e,
  "reset-": 0x04,
  "stop-": 0x05,
  "credit-": 0x11,
  "max-streams-": 0x12,
  "beyond-": 0x0e,
  "empty-beyond-": 0x0e,
  "final-size-": 0x0f,
  "data-beyond-": 0x0e,
  // An alert is TLS's, which knows no frames.
  "crypto-key-update": 0,
  "crypto-client-hello": 0,
  "crypto-": 0x06,
  "cid-": 0x18,
  "retire-": 0x19,
  "datagram-": 0x31,
  "new-token": 0x07,
  "handshake-done": 0x1e,
};

function frameTypeOf(name: string): number | undefined {
  return Object.entries(FRAME_TYPES).find(([start]) => name.startsWith(start))?.[1];
}

const CLOSING = NAMES.filter((name) => EXPECTED[name] !== "alive");

describe.skipIf(peerMissing("aioquic"))("frames that break a rule", () => {
  let attacked: AttackedServer;
  let reports: AttackReport[];
  let before: Measure;
  let steady: SteadyClient;
  let attackMs: number;

  beforeAll(async () => {
    attacked = await AttackedServer.start();
    // What is made once, by the first connections.
    await attack(attacked.port, ["stream-limit", "stream-last"]);
    before = await attacked.quiet();
    steady = new SteadyClient(attacked.port);
    const started = attacked.workerMs();
    reports = await attack(attacked.port, NAMES, ["--parallel", "8"]);
    await steady.stop();
    attackMs = attacked.workerMs() - started;
  }, 60_000);
  afterAll(async () => {
    expect(await attacked?.stop()).toBe(0);
  });

  for (const [index, name] of NAMES.entries()) {
    test(`${name}: ${EXPECTED[name]}`, () => {
      const report = reports[index]!;
      expect(report.name).toBe(name);
      expect(outcomeOf(report)).toBe(EXPECTED[name]!);
      if (report.close !== null) expect(report.close.frame_type).toBe(frameTypeOf(name)!);
    });
  }

  test("datagrams that were not asked for: PROTOCOL_VIOLATION", async () => {
    // RFC 9221 §3: of an endpoint that did not say max_datagram_frame_size.
    const without = await AttackedServer.start({ datagramQueue: 0 });
    const [report] = await attack(without.port, ["datagram-empty"]);
    expect(await without.stop()).toBe(0);
    expect(outcomeOf(report!)).toBe("PROTOCOL_VIOLATION");
    expect(report!.close!.frame_type).toBe(0x31);
  }, 20_000);

  test("others notice nothing, and nothing stays", async () => {
    console.log(
      `frames: ${CLOSING.length} closed, ${NAMES.length - CLOSING.length} lived; ` +
        `${steady.whole} requests beside it, slowest ${steady.slowestMs.toFixed(0)} ms; ` +
        `workers ${attackMs.toFixed(0)} ms`,
    );
    expect(steady.wrong).toEqual([]);
    expect(steady.whole).toBeGreaterThan(10);
    const after = await attacked.quiet();
    const established = after.counters.established - before.counters.established;
    // One each, and one of the steady client's: it never had to connect again.
    expect(established).toBe(NAMES.length + 1);
    expect(after.counters.closed - before.counters.closed).toBe(established);
    expect(held(after)).toEqual(held(before));
    // Handshakes (1 to 2 ms each) and closes: no loop that waits for nothing.
    expect(attackMs).toBeLessThan(3000);
  }, 30_000);
});
