/**
 * QUIC version 2 (RFC 9369), which a server that prefers it moves its clients to (RFC 9368 §2.3):
 * between two of us, and with aioquic and ngtcp2 in both roles; and version information that lies
 * (§4), from clients and servers.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { freePort, portTaken } from "../../interop/peers/udp_port.ts";
import { H3Factory } from "../../src/apps/h3/factory.ts";
import { connectH3 } from "../../src/client/h3.ts";
import type { ConnectOptions, QuicClient } from "../../src/client.ts";
import type { QuicServer } from "../../src/server.ts";
import type { SinkConnection } from "../../src/transport/app.ts";
import { testCertificate } from "../support/certificate.ts";
import {
  newClient,
  optionsTo,
  roundTrip,
  startLocalServer,
  textOf,
} from "../support/client_side.ts";
import { exerciseFeature, type Feature } from "../support/feature.ts";
import { makeFixture } from "../support/fixture.ts";
import { ForeignServer } from "../support/foreign_server.ts";
import { aioquic, aioquicCommand, peerMissing } from "../support/peer.ts";
import { sizedBody } from "./apps/sized_body.ts";

/** RFC 9000 §20.1, RFC 9368 §10.2 */
const TRANSPORT_PARAMETER_ERROR = 0x08;
const VERSION_NEGOTIATION_ERROR = 0x11;

type Version = NonNullable<ConnectOptions["version"]>;

/** HTTP/3 that notes the version of each connection. */
class WatchingFactory extends H3Factory {
  readonly seen: number[] = [];

  override attach(connection: SinkConnection) {
    this.seen.push(connection.version);
    return super.attach(connection);
  }
}

const watching = new WatchingFactory({
  fetch: (request) =>
    new Response(sizedBody(Number(new URL(request.url).searchParams.get("bytes")))),
});
const servers = new Map<"any" | "v1" | "v2", QuicServer>();
let client: QuicClient;

beforeAll(async () => {
  for (const version of ["any", "v1", "v2"] as const) {
    const apps = { h3: watching };
    const engine = { version, earlyData: true };
    servers.set(version, await startLocalServer({ engine, apps }));
  }
  client = newClient();
});

afterAll(async () => {
  await client?.close();
  for (const server of servers.values()) await server.stop();
});

describe("between us", () => {
  const connect = (server: QuicServer, version: Version, more: Partial<ConnectOptions> = {}) =>
    client.connect(optionsTo(server, "echo", { version, ...more }));

  for (const [asked, wanted, version] of [
    ["any", "any", 1],
    ["any", "v2", 2],
    ["v2", "any", 1],
    ["v2", "v2", 2],
    ["v1", "v2", 1],
    ["v2-first", "any", 2],
    // By Version Negotiation.
    ["v2-first", "v1", 1],
  ] as const) {
    test(`a client of "${asked}", a server of "${wanted}": version ${version}`, async () => {
      const connection = await connect(servers.get(wanted)!, asked);
      expect(textOf(await roundTrip(connection, "hello"))).toBe("hello");
      expect(connection.version).toBe(version);
      connection.close(0);
    });
  }

  test("a session of version 2 begins with it, and its 0-RTT is taken", async () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const first = await connect(servers.get("v2")!, "any", { onSession: resolve });
    const session = await promise;
    first.close(0);
    const early = await connect(servers.get("v2")!, "any", { session, earlyData: true });
    expect(textOf(await roundTrip(early, "early"))).toBe("early");
    expect(await early.handshakeCompleted).toEqual({ earlyAccepted: true });
    expect([early.version, early.resumed]).toEqual([2, true]);
    early.close(0);
  });

  test("what is no version is refused", async () => {
    const wrong = connect(servers.get("any")!, "v3" as Version);
    expect(wrong).rejects.toThrow('version = "v3" must be one of any,v1,v2,v2-first');
  });
});

const BYTES = 300_000;

for (const peer of ["aioquic", "ngtcp2"] as const) {
  describe.skipIf(peerMissing(peer))(`with ${peer}`, () => {
    for (const feature of ["handshake", "zerortt", "keyupdate"] satisfies Feature[]) {
      test(`our server moves its client to version 2: ${feature}`, async () => {
        watching.seen.length = 0;
        const { port } = servers.get("v2")!;
        const report = await exerciseFeature(peer, feature, port, BYTES);
        expect([report.error ?? null, report.bytes]).toEqual([null, BYTES]);
        expect(new Set(watching.seen)).toEqual(new Set([2]));
      }, 60_000);
    }

    test("our client is moved to version 2 by its server", async () => {
      const fixture = makeFixture("version-2", [BYTES]);
      const [file] = fixture.files as [(typeof fixture.files)[0]];
      const options = { feature: "handshake", alpn: "h3", folder: fixture.folder } as const;
      const foreign = await ForeignServer.start(peer, { ...options, version2: true });
      try {
        const { tls } = optionsTo(foreign, "h3");
        const url = `https://localhost:${foreign.port}`;
        const h3 = await connectH3({ url, client, tls: tls!, version: "v2" });
        const body = await (await h3.fetch(`/${file.name}`)).bytes();
        expect(new Bun.CryptoHasher("sha256").update(body).digest("hex")).toBe(file.sha256);
        expect(h3.connection.version).toBe(2);
        h3.connection.close(0x100);
      } finally {
        await foreign.stop();
      }
    }, 30_000);
  });
}

describe.skipIf(peerMissing("aioquic"))("version information that lies", () => {
  test("a client's", async () => {
    const expected = {
      "chosen-other": VERSION_NEGOTIATION_ERROR,
      "chosen-not-available": TRANSPORT_PARAMETER_ERROR,
      "chosen-zero": TRANSPORT_PARAMETER_ERROR,
      "available-zero": TRANSPORT_PARAMETER_ERROR,
      "odd-length": TRANSPORT_PARAMETER_ERROR,
      "too-short": TRANSPORT_PARAMETER_ERROR,
      empty: TRANSPORT_PARAMETER_ERROR,
      reserved: null,
      "one-alone": null,
    };
    const args = ["--port", `${servers.get("v2")!.port}`, ...Object.keys(expected)];
    expect(await aioquic("versions", args)).toEqual({ closes: expected });
  }, 60_000);

  for (const [lie, code] of [
    ["chosen-other", VERSION_NEGOTIATION_ERROR],
    ["available-zero", TRANSPORT_PARAMETER_ERROR],
    ["odd-length", TRANSPORT_PARAMETER_ERROR],
  ] as const) {
    test(`a server's: ${lie}`, async () => {
      const { certPath, keyPath } = testCertificate();
      const port = await freePort();
      const place = ["--port", `${port}`, "--certificate", certPath, "--key", keyPath];
      const command = aioquicCommand("versions", "--serve", lie, ...place);
      const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
      try {
        while (!portTaken(port) && child.exitCode === null) await Bun.sleep(10);
        const refused = client.connect(optionsTo({ port }, "h3"));
        const name = code === 0x11 ? "VERSION_NEGOTIATION_ERROR" : "TRANSPORT_PARAMETER_ERROR";
        await expect(refused).rejects.toThrow(name);
      } finally {
        child.kill("SIGKILL");
        await child.exited;
      }
    }, 30_000);
  }
});
