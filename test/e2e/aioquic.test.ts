/** aioquic, driven by interop/peers/aioquic: HTTP/3, hq-interop, echoed streams and datagrams. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { EchoReport, FetchReport } from "../support/aioquic_report.ts";
import { type Fixture, makeFixture } from "../support/fixture.ts";
import { aioquic, peerMissing } from "../support/peer.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

describe.skipIf(peerMissing("aioquic"))("aioquic", () => {
  let fixture: Fixture;
  let server: ServerProcess;
  let temporary: TemporaryFolder;
  beforeAll(async () => {
    const sizes = Array.from({ length: 60 }, (_, i) => (i < 4 ? i : Math.round(1.2 ** i * 40)));
    fixture = makeFixture("aioquic", sizes);
    server = await ServerProcess.start({
      target: fixture.folder,
      alpn: "h3,hq-interop,echo",
      workers: 2,
    });
    temporary = new TemporaryFolder();
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
    temporary?.[Symbol.dispose]();
  });
  const port = () => ["--port", `${server.port}`];

  test.each(["h3", "hq-interop"])(
    "%s: every file over 20 connections, every hash",
    async (alpn) => {
      const list = temporary.join("paths");
      await Bun.write(list, fixture.files.map((file) => `/${file.name}`).join("\n"));
      const flags = ["--alpn", alpn, "--connections", "20", "--paths-file", list];
      const report = await aioquic<FetchReport>("fetch", [...port(), ...flags]);
      expect(report.files.filter((file) => file.error !== null)).toEqual([]);
      const got = new Map(report.files.map((file) => [file.path, file.sha256]));
      for (const file of fixture.files) expect(got.get(`/${file.name}`)).toBe(file.sha256);
      console.log(`aioquic ${alpn}: ${fixture.files.length} files in ${report.seconds} s`);
    },
    60_000,
  );

  test("echo: four streams at once come back equal", async () => {
    const flags = ["--upload", "2000000", "--streams", "4"];
    const report = await aioquic<EchoReport>("echo", [...port(), ...flags]);
    expect(report.error).toBeNull();
    expect(report.uploads.map((upload) => upload.equal)).toEqual([true, true, true, true]);
  }, 60_000);

  test("echo: a stream of nothing but its end", async () => {
    const report = await aioquic<EchoReport>("echo", [...port(), "--upload", "0"]);
    expect(report.error).toBeNull();
    expect(report.uploads).toMatchObject([{ received_bytes: 0, equal: true }]);
  });

  test("echo: datagrams come back, none of them altered", async () => {
    const flags = ["--datagrams", "1000", "--datagram-bytes", "1000"];
    const report = await aioquic<EchoReport>("echo", [...port(), ...flags]);
    const datagrams = report.datagrams;
    console.log(`aioquic datagrams: ${datagrams?.received} of ${datagrams?.sent} came back`);
    expect(report.error).toBeNull();
    expect(datagrams?.foreign).toBe(0);
    // Unreliable, but loopback loses little and we paced them.
    expect(datagrams?.intact).toBeGreaterThanOrEqual(950);
  });

  test("the app module answers over HTTP/3 too", async () => {
    const app = await ServerProcess.start({ target: join(import.meta.dir, "apps/test_app.ts") });
    const flags = ["--port", `${app.port}`, "/hello?q=1", "/none"];
    const report = await aioquic<FetchReport>("fetch", flags);
    expect(report.files.map((file) => file.status)).toEqual([200, 404]);
    expect(await app.stop()).toBe(0);
  });
});
