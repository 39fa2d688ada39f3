/**
 * Connections that never get anywhere (row 8): handshakes that come byte by byte, and clients that
 * leave without a word. Their time is limited however busy they look.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AttackedServer, attack, held, hellos, SteadyClient } from "../support/attack.ts";
import { cryptoFrame, InitialSender } from "../support/initial_packet.ts";
import type { Measure } from "../support/measured_server.ts";
import { peerMissing } from "../support/peer.ts";
import { SilentClient } from "../support/silent_client.ts";

const HANDSHAKE_TIMEOUT_MS = 1000;
const IDLE_TIMEOUT_MS = 1500;
/** Fewer than one network may have half-open. */
const SLOW = 100;
const SILENT = 10;
const DRIP_MS = 100;
/** For a turn of the worker's, a question and its answer. */
const SLACK_MS = 1000;

const [hello] = peerMissing("aioquic") ? [] : await hellos(1);

describe.skipIf(hello === undefined)("slow clients", () => {
  let attacked: AttackedServer;
  let before: Measure;
  beforeAll(async () => {
    attacked = await AttackedServer.start({
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    });
    await attack(attacked.port, ["stream-last"]);
    before = await attacked.quiet();
  });
  afterAll(async () => {
    expect(await attacked?.stop()).toBe(0);
  });

  test("a ClientHello that comes byte by byte has its time, and no more", async () => {
    const steady = new SteadyClient(attacked.port);
    await Bun.sleep(700);
    const connected = await attacked.server.ask("measure");
    const client = await SilentClient.open(attacked.port);
    const senders = Array.from({ length: SLOW }, () => new InitialSender());
    const started = performance.now();
    // The first packet opens the connection; each later one says one byte more.
    client.send(
      senders.map((sender) => sender.packet(cryptoFrame(0, hello!.bytes.subarray(0, 1)))),
    );
    let most = 0;
    for (let at = 1; performance.now() - started < 2 * HANDSHAKE_TIMEOUT_MS; at++) {
      const { counters } = await attacked.server.ask("measure");
      most = Math.max(most, counters.half_open);
      const elapsed = performance.now() - started;
      if (elapsed > HANDSHAKE_TIMEOUT_MS + SLACK_MS && counters.half_open === 0) break;
      if (elapsed < HANDSHAKE_TIMEOUT_MS - DRIP_MS) {
        const byte = hello!.bytes.subarray(at, at + 1);
        client.send(senders.map((sender) => sender.packet(cryptoFrame(at, byte), 100)));
      }
      await Bun.sleep(DRIP_MS);
    }
    client.close();
    await steady.stop();
    const after = await attacked.quiet();
    const ended = after.counters.handshake_timeouts - connected.counters.handshake_timeouts;
    console.log(
      `slow handshakes: ${most} half-open at most, ${ended} ended by the timeout; ` +
        `${steady.whole} requests beside it, slowest ${steady.slowestMs.toFixed(0)} ms`,
    );
    expect(most).toBe(SLOW);
    expect(ended).toBe(SLOW);
    expect(steady.wrong).toEqual([]);
    expect(held(after)).toEqual(held(before));
  }, 20_000);

  test("a client that leaves without a word is forgotten after the idle timeout", async () => {
    const flags = ["--repeat", `${SILENT}`];
    await attack(attacked.port, ["silent"], flags);
    const left = performance.now();
    const then = await attacked.server.ask("measure");
    await attacked.server.until(({ counters }) => counters.live_connections === 0, 10_000);
    const tookMs = performance.now() - left;
    console.log(
      `silent: ${then.counters.live_connections} of ${SILENT} connections when the last client ` +
        `left, none ${tookMs.toFixed(0)} ms later (idle timeout ${IDLE_TIMEOUT_MS} ms)`,
    );
    expect(then.counters.live_connections).toBeGreaterThan(SILENT / 2);
    expect(tookMs).toBeLessThan(IDLE_TIMEOUT_MS + 2 * SLACK_MS);
    expect(held(await attacked.quiet())).toEqual(held(before));
  }, 20_000);
});
