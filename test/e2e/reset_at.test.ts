/**
 * RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset): the beginning of a stream arrives, then
 * its reset; between two of us, and in both directions with quic-go.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { QuicClient } from "../../src/client.ts";
import type {
  ConnectionHandle,
  QuicAppFactory,
  ReceiveStream,
  SendStream,
} from "../../src/index.ts";
import type { QuicServer } from "../../src/server.ts";
import { StreamError } from "../../src/transport/error.ts";
import { newClient, optionsTo, startLocalServer } from "../support/client_side.ts";
import { peerMissing, resetAtCommand, run } from "../support/peer.ts";

/** As interop/peers/quic_go/reset_at makes it. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i / 7);
}

interface Received {
  bytes: Uint8Array;
  /** Of the reset; null after a clean end. */
  code: number | bigint | null;
}

async function readAll(receive: ReceiveStream): Promise<Received> {
  const parts: Uint8Array[] = [];
  try {
    for await (const chunk of receive) parts.push(chunk.bytes());
  } catch (error) {
    if (!(error instanceof StreamError) || error.kind !== "reset") throw error;
    return { bytes: Buffer.concat(parts), code: error.code };
  }
  return { bytes: Buffer.concat(parts), code: null };
}

/** `send TOTAL RELIABLE CODE` is answered so; what comes after `take` is kept for the test. */
class ResetAt implements QuicAppFactory {
  taken = Promise.withResolvers<Received>();
  reliableReset: boolean | null = null;

  acceptsAlpn(alpn: string): boolean {
    return alpn === "reset-at";
  }

  async spawnApp(...[, handle, events]: Parameters<QuicAppFactory["spawnApp"]>): Promise<void> {
    for await (const event of events) {
      if (event.type !== "NewStream" || event.send === null) continue;
      void this.#serve(handle, event.receive, event.send);
    }
  }

  async #serve(handle: ConnectionHandle, receive: ReceiveStream, send: SendStream): Promise<void> {
    this.reliableReset = handle.reliableReset;
    const { bytes, code } = await readAll(receive);
    const line = Buffer.from(bytes.subarray(0, bytes.indexOf(0x0a))).toString();
    if (line === "take") {
      this.taken.resolve({ bytes: bytes.subarray(line.length + 1), code });
      send.finish();
      return;
    }
    const [total, reliable, errorCode] = line.split(" ").slice(1).map(Number);
    await send.write(pattern(total!));
    send.reset(errorCode!, reliable!);
  }
}

const app = new ResetAt();
let server: QuicServer;
let client: QuicClient;

beforeAll(async () => {
  server = await startLocalServer({ apps: { "reset-at": app } });
  client = newClient();
});

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

describe("a reset behind the beginning", () => {
  async function ask(total: number, reliable: number): Promise<Received> {
    const connection = await client.connect(optionsTo(server, "reset-at"));
    expect(connection.reliableReset).toBe(true);
    const { receive, send } = await connection.openBidirectional();
    await send.write(new TextEncoder().encode(`send ${total} ${reliable} 77\n`), true);
    const received = await readAll(receive);
    connection.close(0);
    return received;
  }

  // 3 MB are more than flow control lets out at first: the reset waits for what is to arrive.
  for (const [total, reliable] of [
    [10, 4],
    [100_000, 1],
    [100_000, 70_000],
    [100_000, 100_000],
    [3_000_000, 2_500_000],
  ] as const) {
    test(`${reliable} of ${total} bytes`, async () => {
      const { bytes, code } = await ask(total, reliable);
      expect(code).toBe(77);
      // More may arrive, if it was on its way.
      expect(bytes.length).toBeGreaterThanOrEqual(reliable);
      expect(Buffer.compare(bytes, pattern(bytes.length))).toBe(0);
    });
  }

  test("more than was written counts as all of it", async () => {
    const { bytes, code } = await ask(5000, 6000);
    expect([bytes.length, code]).toEqual([5000, 77]);
  });

  test("what is no count of bytes is refused", async () => {
    const connection = await client.connect(optionsTo(server, "reset-at"));
    const { send } = await connection.openBidirectional();
    for (const bytes of [-1, 0.5, Number.NaN]) {
      expect(() => send.reset(1, bytes)).toThrow("reliableBytes is");
    }
    send.reset(1, 0);
    connection.close(0);
  });
});

describe.skipIf(peerMissing("quic_go"))("with quic-go", () => {
  test("both ways", async () => {
    app.taken = Promise.withResolvers();
    const [total, reliable, code] = [400_000, 300_000, 1234];
    const flags = ["-total", total, "-reliable", reliable, "-code", code].map(String);
    const address = `127.0.0.1:${server.port}`;
    const { stdout } = await run(resetAtCommand("-address", address, ...flags), 25);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ supported: true, code });
    expect(app.reliableReset).toBe(true);
    expect(report.bytes).toBeGreaterThanOrEqual(reliable);
    const sha256 = createHash("sha256").update(pattern(report.bytes)).digest("hex");
    expect(report.sha256).toBe(sha256);

    const taken = await app.taken.promise;
    expect(taken.code).toBe(code);
    expect(taken.bytes.length).toBeGreaterThanOrEqual(reliable);
    expect(Buffer.compare(taken.bytes, pattern(taken.bytes.length))).toBe(0);
  }, 40_000);
});
