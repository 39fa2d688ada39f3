/**
 * Two servers that take each other's packets for a client's, as with forged source addresses (rows
 * 23, 24): a relay carries whatever one says to the other, which must fall silent at once.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { AttackedServer, CID_BYTES } from "../support/attack.ts";
import { versionProbe } from "../support/hostile_datagrams.ts";
import { InitialSender, PING } from "../support/initial_packet.ts";
import { Prng } from "../support/prng.ts";
import { SilentClient } from "../support/silent_client.ts";

const QUIET_MS = 300;
const ROUNDS = 200;
/**
 * RFC 9000 §21.11: each answer is smaller than what it answers, so there is an end; and an ID that
 * is not ours (255 of 256 by chance) is not answered at all.
 */
const ANSWERS_MAX = 2 * ROUNDS;

/** Carries the answers of either server to the other, from the port that this one knows. */
class Mirror {
  carried = 0;
  #sides: [Bun.udp.ConnectedSocket<"buffer">, Bun.udp.ConnectedSocket<"buffer">] | null = null;

  static async between(ports: readonly [number, number]): Promise<Mirror> {
    const mirror = new Mirror();
    const open = (side: 0 | 1) =>
      Bun.udpSocket({
        connect: { hostname: "127.0.0.1", port: ports[side] },
        socket: {
          data: (_socket, bytes) => {
            mirror.carried++;
            mirror.#sides?.[side === 0 ? 1 : 0].send(bytes);
          },
          error: () => {},
        },
      });
    mirror.#sides = [await open(0), await open(1)];
    return mirror;
  }

  /** As if the other server had sent it. */
  async tell(side: 0 | 1, datagrams: readonly Uint8Array[]): Promise<number> {
    const before = this.carried;
    for (const bytes of datagrams) this.#sides![side].send(bytes);
    await Bun.sleep(QUIET_MS);
    return this.carried - before;
  }

  close(): void {
    for (const side of this.#sides ?? []) side.close();
  }
}

/** Bytes of a short header with that ID. */
function shortHeader(id: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(randomBytes(length));
  bytes[0] = 0x40 | (bytes[0]! & 0x3f);
  bytes.set(id, 1);
  return bytes;
}

/** The connection ID that a server gave itself: the source of its first long header. */
async function issuedId(port: number): Promise<Uint8Array> {
  const client = await SilentClient.open(port, 1);
  client.send([new InitialSender().packet(PING)]);
  await Bun.sleep(100);
  client.close();
  const answer = client.received[0]!;
  const at = 6 + answer[5]!;
  return answer.subarray(at + 1, at + 1 + answer[at]!);
}

describe("two servers that answer each other", () => {
  let servers: AttackedServer[] = [];
  let mirror: Mirror;
  beforeAll(async () => {
    const options = { handshakeTimeoutMs: 300 };
    servers = await Promise.all([AttackedServer.start(options), AttackedServer.start(options)]);
    mirror = await Mirror.between([servers[0]!.port, servers[1]!.port]);
  });
  afterAll(async () => {
    mirror?.close();
    for (const server of servers) expect(await server.stop()).toBe(0);
  });

  test("a Version Negotiation is the last word", async () => {
    const random = new Prng();
    const probes = Array.from({ length: ROUNDS }, (_, i) => versionProbe(random, i, 1200).bytes);
    const answers = await mirror.tell(0, probes);
    console.log(`VN loop: ${ROUNDS} packets of an unknown version, ${answers} answers in all`);
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThanOrEqual(ROUNDS);
  });

  test("Stateless Resets die out", async () => {
    const id = await issuedId(servers[0]!.port);
    expect(id.length).toBe(CID_BYTES);
    await servers[0]!.quiet();
    const stale = Array.from({ length: ROUNDS }, () => shortHeader(id, 1000));
    const answers = await mirror.tell(0, stale);
    console.log(`reset loop: ${ROUNDS} packets of a connection that is gone, ${answers} answers`);
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThanOrEqual(ANSWERS_MAX);
  });

  test("Retry and INVALID_TOKEN are not answered", async () => {
    const sender = new InitialSender();
    sender.token = Buffer.concat([Buffer.of(0x52), randomBytes(60)]);
    const answers = await mirror.tell(0, [sender.packet(PING), new InitialSender().packet(PING)]);
    console.log(`Initials: ${answers} answers`);
    // Acknowledgements and closes to an address that sent 1200 bytes; no server answers them.
    expect(answers).toBeLessThanOrEqual(6);
  });
});
