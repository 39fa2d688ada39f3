/** Other people's clients through a Retry (RFC 9000 §8.1.2): one more round trip, then as ever. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MeasuredServer } from "../support/measured_server.ts";
import { curl, peerMissing, quicGoCommand, run } from "../support/peer.ts";
import { TemporaryFolder } from "../support/server_process.ts";
import { sizedBody } from "./apps/sized_body.ts";

const BYTES = 200_000;
const expected = Bun.SHA256.hash(sizedBody(BYTES), "hex");

describe("with a Retry for everybody", () => {
  let server: MeasuredServer;
  let before = 0;
  beforeAll(async () => {
    server = await MeasuredServer.start({
      hostname: "127.0.0.1",
      workers: 2,
      idleTimeoutMs: 10_000,
      handshakeTimeoutMs: 5000,
      retry: "always",
    });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
  });

  /** What came of it, and that it took a token to get it. */
  async function check(body: Uint8Array | ArrayBuffer): Promise<void> {
    expect(Bun.SHA256.hash(body, "hex")).toBe(expected);
    const { counters } = await server.ask("measure");
    expect(counters.tokens_valid).toBeGreaterThan(before);
    expect(counters.retries).toBeGreaterThanOrEqual(counters.tokens_valid);
    expect(counters.accepted).toBe(counters.tokens_valid);
    expect(counters.tokens_invalid).toBe(0);
    before = counters.tokens_valid;
  }

  const url = () => `https://127.0.0.1:${server.port}/body?bytes=${BYTES}`;

  test("Bun's fetch", async () => {
    const init = { protocol: "http3", tls: { rejectUnauthorized: false } } as RequestInit;
    await check(await (await fetch(url(), init)).arrayBuffer());
  });

  test.skipIf(peerMissing("curl"))("curl", async () => {
    using out = new TemporaryFolder();
    const outcome = await curl("-o", out.join("body"), url());
    expect(`${outcome.exitCode} ${outcome.stderr}`).toBe("0 ");
    await check(await Bun.file(out.join("body")).bytes());
  });

  test.skipIf(peerMissing("quic_go"))("quic-go", async () => {
    using out = new TemporaryFolder();
    const outcome = await run(quicGoCommand("http3", out.path, [url()]));
    expect(`${outcome.exitCode} ${outcome.stdout}${outcome.stderr}`).toBe("0 ");
    const files = [...new Bun.Glob("*").scanSync(out.path)];
    expect(files).toHaveLength(1);
    await check(await Bun.file(out.join(files[0]!)).bytes());
  });
});
