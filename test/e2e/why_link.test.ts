/**
 * What a server says of downloads over a slow link, to clients that read and to one that does
 * not.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QuicClient } from "../../src/client.ts";
import type { ControlAnswer } from "../../src/telemetry/control_protocol.ts";
import type { WhyReport } from "../../src/telemetry/why_report.ts";
import { type Fixture, makeFixture } from "../support/fixture.ts";
import { ROOT, run } from "../support/peer.ts";
import { ServerProcess } from "../support/server_process.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

const BYTES = 1_500_000;
/** More than a client's windows, and what it hands to an application that does not read. */
const LONG_BYTES = 20_000_000;
const runtime = mkdtempSync(join(tmpdir(), "quicd-why-"));
afterAll(() => rmSync(runtime, { recursive: true, force: true }));

/** What the one server says of all its connections. */
async function ask(): Promise<WhyReport[]> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const [name = ""] = readdirSync(runtime);
  const socket = await Bun.connect({
    unix: join(runtime, name),
    socket: {
      data(_socket, bytes) {
        text += bytes.toString();
        if (text.endsWith("\n")) resolve(text);
      },
    },
  });
  socket.write('{"ask":"list"}\n');
  const answer = JSON.parse(await promise) as ControlAnswer;
  socket.end();
  return answer.ok && "reports" in answer ? answer.reports : [];
}

let fixture: Fixture;
beforeAll(() => {
  fixture = makeFixture("why", [BYTES, LONG_BYTES]);
});

describe("over 10 Mbit/s", () => {
  test("a download waits for the congestion window", async () => {
    const env = { XDG_RUNTIME_DIR: runtime };
    const network = await SimulatedNetwork.open({ target: fixture.folder, workers: 1, env });
    const seen = new Map<string, number>();
    let example: WhyReport | undefined;
    try {
      await network.through([], async ({ host, port, prefix }) => {
        const url = `https://${host}:${port}/${fixture.files[0]!.name}`;
        const get = [process.execPath, join(ROOT, "src/cli.ts"), "get", url];
        const done = run([...prefix, ...get, "--insecure", "-o", "/dev/null"]);
        let running = true;
        void done.then(() => {
          running = false;
        });
        while (running) {
          for (const report of await ask()) {
            seen.set(report.cause, (seen.get(report.cause) ?? 0) + 1);
            if (report.cause === "congestion") example ??= report;
          }
          await Bun.sleep(5);
        }
        expect((await done).exitCode).toBe(0);
      });
    } finally {
      await network.close();
    }
    console.log(`why: ${[...seen].map(([cause, count]) => `${cause} ${count}`).join(", ")}`);
    expect(example?.verdict).toStartWith("the congestion window: ");
    expect(example?.bytesInFlight).toBeGreaterThan(0);
    expect(example?.peerWindowBytes).toBeGreaterThan(0);
    const most = [...seen].sort(([, one], [, other]) => other - one)[0]?.[0];
    expect(most).toBe("congestion");
  }, 60_000);
});

test("a client that reads nothing is what its server waits for", async () => {
  const env = { XDG_RUNTIME_DIR: runtime };
  const server = await ServerProcess.start({ target: fixture.folder, workers: 1, env });
  const client = new QuicClient();
  try {
    const connection = await client.connect({
      ...{ host: "127.0.0.1", port: server.port, alpn: "hq-interop" },
      tls: { verify: false },
    });
    const { send } = await connection.openBidirectional();
    const path = `/${fixture.files[1]!.name}`;
    await send.write(new TextEncoder().encode(`GET ${path}\r\n`), true);
    const started = performance.now();
    let report: WhyReport | undefined;
    while (report === undefined && performance.now() - started < 20_000) {
      report = (await ask()).find(({ cause }) => cause.startsWith("peer-"));
      await Bun.sleep(5);
    }
    expect(report?.verdict).toStartWith("the peer's window: it takes no more data");
    expect(report?.queuedBytes).toBeGreaterThan(0);
    connection.close(0);
  } finally {
    await client.close();
    expect(await server.stop()).toBe(0);
  }
}, 60_000);
