/**
 * Real input: 500 files from 0 bytes to 300 MB, each once, over 200 connections of two kinds of
 * client on 2 workers; every hash. And 100 MB up and back again.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { EchoReport } from "../support/aioquic_report.ts";
import {
  type Fixture,
  type FixtureFile,
  hashFile,
  makeFixture,
  manySizes,
  shuffled,
} from "../support/fixture.ts";
import { aioquic, curl, curlCommand, peerMissing, quicGoCommand, run } from "../support/peer.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

const CONNECTIONS = 200;
/** Clients that run at a time: each is a process of its own. */
const AT_A_TIME = 16;
const SEED = 20261123;

interface Failure {
  file: string;
  client: string;
  why: string;
}

describe.skipIf(peerMissing("curl", "quic_go"))("500 files over 200 connections", () => {
  let fixture: Fixture;
  let server: ServerProcess;
  beforeAll(async () => {
    fixture = makeFixture("many", manySizes());
    server = await ServerProcess.start({
      target: fixture.folder,
      alpn: "h3,hq-interop",
      workers: 2,
    });
  }, 60_000);
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
  });

  /** One connection that fetches `files`; what went wrong. */
  async function connection(index: number, files: FixtureFile[]): Promise<Failure[]> {
    using out = new TemporaryFolder();
    const urls = files.map((file) => `${server.url}/${file.name}`);
    // Every second connection speaks HTTP/3 from curl, the others hq-interop or HTTP/3 from
    // quic-go.
    const client = ["curl", "transfer", "curl", "http3"][index % 4] ?? "curl";
    const outputs = files.flatMap((file, i) => ["-o", out.join(file.name), urls[i] ?? ""]);
    const command =
      client === "curl"
        ? curlCommand("-w", "%{num_connects} %{response_code}\n", ...outputs)
        : quicGoCommand(client, out.path, urls);
    const outcome = await run(command, 300);
    const failures: Failure[] = [];
    const fail = (file: string, why: string) => failures.push({ file, client, why });
    if (outcome.exitCode !== 0) {
      fail("all", `exit code ${outcome.exitCode}: ${outcome.stderr.slice(-500)}`);
    } else if (client === "curl") {
      const connects = outcome.stdout.split("\n").map((line) => Number(line.split(" ")[0]));
      if (connects.reduce((sum, n) => sum + n, 0) !== 1) fail("all", "more than one connection");
    }
    for (const file of files) {
      const path = out.join(file.name);
      const got = (await Bun.file(path).exists()) ? await hashFile(path) : "no file";
      if (got !== file.sha256) fail(file.name, got);
      // The disk is not asked for all of them at once.
      rmSync(path, { force: true });
    }
    return failures;
  }

  test("every SHA-256 is right", async () => {
    const order = shuffled(fixture.files, SEED);
    const shares = Array.from({ length: CONNECTIONS }, (_, i) =>
      order.filter((_file, at) => at % CONNECTIONS === i),
    );
    const failures: Failure[] = [];
    let next = 0;
    const started = performance.now();
    const lane = async () => {
      while (next < shares.length) {
        const index = next++;
        failures.push(...(await connection(index, shares[index] ?? [])));
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, lane));
    const seconds = (performance.now() - started) / 1000;
    const megabytes = fixture.totalBytes / 1e6;
    console.log(
      `many files: seed ${SEED}, ${fixture.files.length} files, ${megabytes.toFixed(0)} MB, ` +
        `${CONNECTIONS} connections, ${seconds.toFixed(1)} s`,
    );
    expect(failures).toEqual([]);
    expect(shares.flat().length).toBe(500);
    expect(server.running).toBe(true);
  }, 280_000);
});

describe("100 MB up and back", () => {
  const skipCurl = peerMissing("curl");
  const skipAioquic = peerMissing("aioquic");
  const bytes = 100_000_000;
  let server: ServerProcess;
  beforeAll(async () => {
    const app = join(import.meta.dir, "apps/test_app.ts");
    server = await ServerProcess.start({ target: app, alpn: "h3,echo", workers: 2 });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
  });

  test.skipIf(skipCurl)(
    "two uploads at once over HTTP/3, echoed by the handler",
    async () => {
      using out = new TemporaryFolder();
      const fixture = makeFixture("upload", [bytes]);
      const [file] = fixture.files;
      const path = join(fixture.folder, file?.name ?? "");
      const copies = [out.join("0"), out.join("1")];
      const outcomes = await Promise.all(
        copies.map((copy) => curl("-o", copy, "-T", path, `${server.url}/echo`)),
      );
      for (const [i, outcome] of outcomes.entries()) {
        expect(`${outcome.exitCode} ${outcome.stderr}`).toBe("0 ");
        expect(await hashFile(copies[i] ?? "")).toBe(file?.sha256 ?? "");
        console.log(`curl: 100 MB up and back in ${outcome.seconds.toFixed(1)} s`);
      }
    },
    120_000,
  );

  test.skipIf(skipAioquic)(
    "one stream of the echo protocol",
    async () => {
      const flags = ["--port", `${server.port}`, "--upload", `${bytes}`];
      const report = await aioquic<EchoReport>("echo", flags, 200);
      expect(report.error).toBeNull();
      expect(report.uploads).toMatchObject([{ equal: true, received_bytes: bytes }]);
      console.log(`aioquic: 100 MB up and back in ${report.uploads[0]?.seconds} s`);
    },
    220_000,
  );
});
