/**
 * The matrix of interoperation, our client's half: each feature with each of three servers nobody
 * here wrote. A cell is a body that arrived whole, and what was seen of the feature on the wire or
 * by the server; the matrix is printed.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fetchHq } from "../../src/cli/hq_client.ts";
import { connectH3 } from "../../src/client/h3.ts";
import type { QuicClient } from "../../src/client.ts";
import type { QuicConnection } from "../../src/transport/app.ts";
import { newClient, optionsTo } from "../support/client_side.ts";
import { FEATURES, type Feature } from "../support/feature.ts";
import { makeFixture } from "../support/fixture.ts";
import {
  type ForeignAlpn,
  type ForeignName,
  ForeignServer,
  quicGoServerRefusal,
} from "../support/foreign_server.ts";
import { NatRelay } from "../support/nat_relay.ts";
import { peerMissing, skipReason } from "../support/peer.ts";

/** More than the 100 packets after which quic-go updates its keys by itself. */
const fixture = makeFixture("client-interop", [1000, 3_000_000]);
const [SMALL, LARGE] = fixture.files as [(typeof fixture.files)[0], (typeof fixture.files)[0]];

/** What each server can do. Only ngtcp2's never updates keys by itself: it follows our update. */
const PEERS: Record<ForeignName, { alpns: ForeignAlpn[]; cannot: Feature[] }> = {
  quic_go: { alpns: ["hq-interop", "h3"], cannot: [] },
  aioquic: { alpns: ["hq-interop", "h3"], cannot: [] },
  ngtcp2: { alpns: ["h3"], cannot: [] },
};
/** HTTP/3 of quic-go's interop server has neither Retry nor 0-RTT. */
const QUIC_GO_H3: readonly Feature[] = ["handshake", "resumption", "keyupdate", "migration"];

const matrix = new Map<string, string>();
let client: QuicClient;
beforeAll(() => {
  client = newClient();
});
afterAll(async () => {
  await client?.close();
  const cell = (text: string) => text.padEnd(11);
  console.log(`${"our client".padEnd(20)}${FEATURES.map(cell).join("")}`);
  for (const [name, { alpns }] of Object.entries(PEERS)) {
    for (const alpn of alpns) {
      const cells = FEATURES.map((feature) => matrix.get(`${name} ${alpn} ${feature}`) ?? "-");
      console.log(`${`${name} ${alpn}`.padEnd(20)}${cells.map(cell).join("")}`);
    }
  }
});

interface Wish {
  port: number;
  alpn: ForeignAlpn;
  session?: Uint8Array;
  early?: boolean;
  keepAliveMs?: number;
  onSession?: (session: Uint8Array) => void;
}

interface Opened {
  connection: QuicConnection;
  /** The content of a file, piece by piece. */
  get(name: string): AsyncIterable<Uint8Array>;
}

async function open(wish: Wish): Promise<Opened> {
  const { port, alpn, session, early = false, keepAliveMs = 0, onSession } = wish;
  const { tls } = optionsTo({ port }, alpn);
  const more = {
    ...{ earlyData: early, keepAliveMs, tls: tls! },
    ...(session === undefined ? {} : { session }),
    ...(onSession === undefined ? {} : { onSession }),
  };
  if (alpn === "hq-interop") {
    const connection = await client.connect({ host: "localhost", port, alpn, ...more });
    return { connection, get: (name) => fetchHq(connection, `/${name}`) };
  }
  const h3 = await connectH3({ url: `https://localhost:${port}`, client, ...more });
  const get = async function* (name: string) {
    const response = await h3.fetch(`/${name}`);
    expect(response.status).toBe(200);
    yield* response.body as unknown as AsyncIterable<Uint8Array>;
  };
  return { connection: h3.connection, get };
}

/** Downloads a file and compares it; `halfway` is called amid it. */
async function download(
  { get }: Opened,
  file: { name: string; bytes: number; sha256: string },
  halfway?: () => Promise<void>,
): Promise<void> {
  const hasher = new Bun.CryptoHasher("sha256");
  let received = 0;
  let called: Promise<void> | null = null;
  for await (const bytes of get(file.name)) {
    hasher.update(bytes);
    received += bytes.length;
    if (received > file.bytes / 4) called ??= halfway?.() ?? null;
  }
  await called;
  expect([received, hasher.digest("hex")]).toEqual([file.bytes, file.sha256]);
}

async function close({ connection }: Opened): Promise<void> {
  connection.close(connection.alpn === "h3" ? 0x100 : 0);
  await connection.closed;
}

/** A session of a first connection, which downloads a little. */
async function sessionOf(port: number, alpn: ForeignAlpn): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const first = await open({ port, alpn, onSession: resolve });
  expect(first.connection.resumed).toBe(false);
  await download(first, SMALL);
  const session = await promise;
  await close(first);
  return session;
}

async function exercise(feature: Feature, alpn: ForeignAlpn, relay: NatRelay): Promise<void> {
  const { port } = relay;
  if (feature === "resumption" || feature === "zerortt") {
    const early = feature === "zerortt";
    const session = await sessionOf(port, alpn);
    const again = await open({ port, alpn, session, early });
    expect(again.connection.early).toBe(early);
    await download(again, SMALL);
    expect(await again.connection.handshakeCompleted).toEqual({ earlyAccepted: early });
    expect(again.connection.resumed).toBe(true);
    expect(relay.toServer.zerortt > 0).toBe(early);
    await close(again);
    return;
  }
  // The server learns of a rebinding from what we send, and who downloads may have nothing to say.
  const opened = await open({ port, alpn, keepAliveMs: feature === "rebinding" ? 50 : 0 });
  const { connection } = opened;
  if (feature === "rebinding") {
    await download(opened, LARGE, async () => relay.rebind());
  } else if (feature === "migration") {
    const before = connection.localAddress.port;
    await download(opened, LARGE, () => connection.migrate());
    expect(connection.localAddress.port).not.toBe(before);
    expect(relay.clientPorts).toBe(2);
  } else if (feature === "keyupdate") {
    await download(opened, LARGE, async () => connection.updateKeys());
    expect(connection.stats().keyUpdates).toBeGreaterThanOrEqual(1);
  } else {
    await download(opened, SMALL);
  }
  // One for each datagram of the first flight.
  expect(relay.toClient.retry > 0).toBe(feature === "retry");
  await close(opened);
}

/** In the words of aioquic's driver, of quic-go's qlog, and in packets that came to ngtcp2. */
function keysUpdated(log: string): boolean {
  return /"event": "key update"|key_updated|pkt rx .*type=1RTT k=1/.test(log);
}

const names = Object.keys(PEERS) as ForeignName[];
const quicGoRefusal = skipReason(quicGoServerRefusal());
const here = names.filter((name) => !peerMissing(name) && !(name === "quic_go" && quicGoRefusal));

describe.each(here)("%s", (name) => {
  const { alpns, cannot } = PEERS[name];
  describe.each(alpns)("%s", (alpn) => {
    const wanted = FEATURES.filter((feature) => {
      if (cannot.includes(feature)) return false;
      return !(name === "quic_go" && alpn === "h3") || QUIC_GO_H3.includes(feature);
    });
    test.each(wanted)("%s", async (feature) => {
      matrix.set(`${name} ${alpn} ${feature}`, "FAILED");
      const server = await ForeignServer.start(name, { feature, alpn, folder: fixture.folder });
      let log = "";
      try {
        // On loopback the handshake would be over before anything could be sent as 0-RTT.
        using relay = await NatRelay.start(server.port, feature === "zerortt" ? 20 : 0);
        await exercise(feature, alpn, relay);
      } finally {
        log = await server.stop();
      }
      if (feature === "keyupdate") expect(keysUpdated(log)).toBe(true);
      matrix.set(`${name} ${alpn} ${feature}`, "ok");
    });
  });
});
