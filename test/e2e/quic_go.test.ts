/**
 * quic-go's published interop client: hq-interop and HTTP/3, several files on one connection, its
 * TLS variants.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { type Fixture, hashFile, makeFixture } from "../support/fixture.ts";
import { peerMissing, quicGoCommand, run } from "../support/peer.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

describe.skipIf(peerMissing("quic_go"))("quic-go's interop client", () => {
  let fixture: Fixture;
  let server: ServerProcess;
  beforeAll(async () => {
    fixture = makeFixture(
      "quic-go",
      [0, 1, 1024, 10_240, 500_000, 2_000_000, 3_000_000, 5_000_000],
    );
    server = await ServerProcess.start({ target: fixture.folder, alpn: "h3,hq-interop" });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
  });

  /** Fetches `files` and compares what arrived: names, and the hash of each. */
  async function transfer(testcase: string, files: Fixture["files"]): Promise<number> {
    using out = new TemporaryFolder();
    const urls = files.map((file) => `${server.url}/${file.name}`);
    const outcome = await run(quicGoCommand(testcase, out.path, urls));
    expect(`${outcome.exitCode} ${outcome.stdout}${outcome.stderr}`).toBe("0 ");
    expect(readdirSync(out.path).sort()).toEqual(files.map((file) => file.name).sort());
    for (const file of files) expect(await hashFile(out.join(file.name))).toBe(file.sha256);
    return outcome.seconds;
  }

  test.each(["transfer", "http3", "multiconnect", "chacha20", "keyupdate"])(
    "%s",
    async (testcase) => {
      const seconds = await transfer(testcase, fixture.files);
      const mbit = (fixture.totalBytes * 8) / seconds / 1e6;
      console.log(`quic-go ${testcase}: ${fixture.files.length} files, ${mbit.toFixed(0)} Mbit/s`);
    },
    60_000,
  );

  test("a file that is not there fails alone", async () => {
    using out = new TemporaryFolder();
    const outcome = await run(quicGoCommand("http3", out.path, [`${server.url}/none`]));
    // The client writes whatever body a 404 has, and is content.
    expect(outcome.exitCode).toBe(0);
    expect(server.running).toBe(true);
    const small = fixture.files.filter((file) => file.bytes === 1024);
    await transfer("transfer", small);
  });
});
