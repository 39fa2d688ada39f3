/** Which cipher suites a client offers and a server takes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ConnectError, type QuicClient } from "../../src/client.ts";
import type { CipherSuite } from "../../src/native/addon.ts";
import type { QuicServer } from "../../src/server.ts";
import { testCertificate } from "../support/certificate.ts";
import {
  newClient,
  optionsTo,
  roundTrip,
  startLocalServer,
  textOf,
} from "../support/client_side.ts";

const CHACHA20 = "TLS_CHACHA20_POLY1305_SHA256";
/** Of TLS (RFC 8446 §6.2). */
const HANDSHAKE_FAILURE = 40;

describe("a server that takes ChaCha20 only", () => {
  let server: QuicServer;
  let client: QuicClient;
  beforeAll(async () => {
    server = await startLocalServer({ engine: { ciphers: [CHACHA20] } });
    client = newClient();
  });
  afterAll(async () => {
    await client?.close();
    await server?.stop();
  });

  const offering = (...ciphers: CipherSuite[]) => {
    const tls = { ca: testCertificate().certPath, ciphers };
    return client.connect(optionsTo(server, "echo", { tls }));
  };

  test("speaks to a client that offers it", async () => {
    const connection = await offering("TLS_AES_128_GCM_SHA256", CHACHA20);
    expect(textOf(await roundTrip(connection, "sealed"))).toBe("sealed");
    connection.close();
  });

  test("and not to one that offers others", async () => {
    const offer = offering("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256");
    const error = await offer.catch((reason) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ by: "peer", alert: HANDSHAKE_FAILURE });
  });
});
