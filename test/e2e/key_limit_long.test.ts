/**
 * More packets on one connection than one key may seal (2^23 with AES-GCM, RFC 9001 §6.6): 12 GB of
 * one stream in datagrams of at most 1350 bytes, through sockets, which nobody asks to update keys.
 * To our client and to ngtcp2's; quic-go's says nothing, as it updates after 100 packets itself.
 */
import { describe, expect, test } from "bun:test";
import { createReadStream } from "node:fs";
import type { ConnectionStats, QuicAppFactory } from "../../src/transport/app.ts";
import { newClient, optionsTo, startLocalServer } from "../support/client_side.ts";
import { ngtcp2HqCommand, peerMissing, run } from "../support/peer.ts";
import { residentBytes } from "../support/process_usage.ts";
import { TemporaryFolder } from "../support/server_process.ts";

/** QUICD_KEY_LIMIT_BYTES: another length, to work on this; the bounds are for this one. */
const BODY_BYTES = Number(process.env.QUICD_KEY_LIMIT_BYTES ?? 12e9);
const KEY_LIMIT_PACKETS = 2 ** 23;
const DATAGRAM_BYTES = 1350;
const BLOCK_BYTES = 1 << 20;
/** Between two looks at the numbers: some 50,000 packets. */
const BLOCKS_PER_SAMPLE = 64;
/** Beyond what both ends hold after the first sample: slabs in use, and garbage of JavaScript. */
const GROWTH_LIMIT_BYTES = 384 << 20;
const LIMIT_SECONDS = 1800;

type Sample = ConnectionStats & { residentBytes: number };

/** Answers the first stream with numbered blocks, and looks at its connection meanwhile. */
class Source implements QuicAppFactory {
  readonly hasher = new Bun.CryptoHasher("sha256");
  readonly samples: Sample[] = [];

  acceptsAlpn(alpn: string): boolean {
    return alpn === "hq-interop";
  }

  async spawnApp(...[, handle, events]: Parameters<QuicAppFactory["spawnApp"]>): Promise<void> {
    const random = crypto.getRandomValues(new Uint8Array(65_536));
    const block = Buffer.alloc(BLOCK_BYTES, random);
    const look = () =>
      this.samples.push({ ...handle.stats(), residentBytes: residentBytes(process.pid) });
    for await (const event of events) {
      // The client has everything when it closes; what was counted last is what counts.
      if (event.type === "ConnectionClosing") look();
      if (event.type !== "NewStream" || event.send === null) continue;
      for (let sent = 0, blocks = 0; sent < BODY_BYTES; blocks++) {
        block.writeUint32BE(blocks);
        const part = block.subarray(0, Math.min(BLOCK_BYTES, BODY_BYTES - sent));
        sent += part.length;
        this.hasher.update(part);
        await event.send.write(part, sent === BODY_BYTES);
        if (blocks % BLOCKS_PER_SAMPLE === 0) look();
      }
    }
  }

  static async serve() {
    const source = new Source();
    const engine = { maxUdpPayloadBytes: DATAGRAM_BYTES };
    const server = await startLocalServer({ apps: { "hq-interop": source }, engine });
    return { source, server };
  }
}

interface Received {
  bytes: number;
  sha256: string;
}

async function received(body: AsyncIterable<Uint8Array>): Promise<Received> {
  const hasher = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    hasher.update(part);
  }
  return { bytes, sha256: hasher.digest("hex") };
}

/** What holds of the server, whoever receives; its last numbers. */
function checked(source: Source, body: Received, seconds: number): Sample {
  const { samples } = source;
  const last = samples.at(-1)!;
  const updated = samples.find(({ keyUpdates }) => keyUpdates > 0);
  const resident = samples.map((sample) => sample.residentBytes);
  const [first, most] = [resident[1]!, Math.max(...resident)];
  console.log(
    `${body.bytes} bytes in ${seconds.toFixed(1)} s, ${last.sentPackets} datagrams of ` +
      `${(last.sentBytes / last.sentPackets).toFixed(0)} bytes, ${last.lostPackets} lost; ` +
      `${last.keyUpdates} key updates, the first before datagram ${updated?.sentPackets}; ` +
      `resident ${(first / 2 ** 20).toFixed(0)} MiB at first, ` +
      `${(most / 2 ** 20).toFixed(0)} at most`,
  );
  expect(body.bytes).toBe(BODY_BYTES);
  expect(body.sha256).toBe(source.hasher.digest("hex"));
  expect(last.sentPackets).toBeGreaterThan(KEY_LIMIT_PACKETS);
  expect(last.pathMtuBytes).toBeLessThanOrEqual(DATAGRAM_BYTES);
  expect(last.sentBytes / last.sentPackets).toBeLessThanOrEqual(DATAGRAM_BYTES);
  expect(updated!.sentPackets).toBeLessThan(KEY_LIMIT_PACKETS);
  expect(most - first).toBeLessThan(GROWTH_LIMIT_BYTES);
  return last;
}

describe(`${BODY_BYTES / 1e9} GB on one connection`, () => {
  test(
    "to our client",
    async () => {
      const { source, server } = await Source.serve();
      const client = newClient();
      const connection = await client.connect(optionsTo(server, "hq-interop"));
      const started = performance.now();
      const { send, receive } = await connection.openBidirectional();
      await send.write(new TextEncoder().encode("GET /body\r\n"), true);
      const views = async function* () {
        for await (const chunk of receive) yield chunk.bytes();
      };
      const body = await received(views());
      const seconds = (performance.now() - started) / 1000;
      // Numbers of a connection are noted every 50 ms.
      await Bun.sleep(200);
      const { keyUpdates } = connection.stats();
      connection.close();
      await client.close();
      await server.stop();
      const last = checked(source, body, seconds);
      expect(keyUpdates).toBe(last.keyUpdates);
    },
    LIMIT_SECONDS * 1000,
  );

  test.skipIf(peerMissing("ngtcp2_hq"))(
    "to ngtcp2's client",
    async () => {
      const { source, server } = await Source.serve();
      using folder = new TemporaryFolder();
      // A pipe where its file would be: nobody has 12 GB to spare.
      const pipe = folder.join("body");
      await Bun.$`mkfifo ${pipe}`;
      const started = performance.now();
      const command = ngtcp2HqCommand(
        "client",
        ...["--quiet", "--exit-on-all-streams-close", `--download=${folder.join(".")}`],
        ...["127.0.0.1", `${server.port}`, `https://127.0.0.1:${server.port}/body`],
      );
      const [body, { exitCode, stderr }] = await Promise.all([
        received(createReadStream(pipe, { highWaterMark: 1 << 20 })),
        run(command, LIMIT_SECONDS),
      ]);
      const seconds = (performance.now() - started) / 1000;
      await server.stop();
      expect(stderr.slice(-1000)).toBe("");
      expect(exitCode).toBe(0);
      checked(source, body, seconds);
    },
    LIMIT_SECONDS * 1000,
  );
});
