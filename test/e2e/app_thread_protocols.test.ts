/** `quicd serve --threads 3`: every protocol of the default list, and one access log of all. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { EchoReport, FetchReport } from "../support/aioquic_report.ts";
import { type Fixture, makeFixture } from "../support/fixture.ts";
import { aioquic, peerMissing } from "../support/peer.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

const THREADS = ["--threads", "3"];
const LINE = /^\d{4}-\d\d-\d\dT[\d:.]+Z GET (\/line\/\S+) 404 \d+ \d+\.\d\d ([0-9a-f]{32})$/;

/** Every name is an origin of its own, and gets a connection of its own. */
async function get(name: string, port: number, path: string): Promise<number> {
  // `protocol` is too new for the types.
  const init: object = { protocol: "http3", tls: { rejectUnauthorized: false } };
  const response = await fetch(`https://${name}.localhost:${port}${path}`, init);
  await response.arrayBuffer();
  return response.status;
}

describe.skipIf(peerMissing("aioquic"))("app threads serve what the main thread would", () => {
  let fixture: Fixture;
  let server: ServerProcess;
  let temporary: TemporaryFolder;
  beforeAll(async () => {
    fixture = makeFixture("app-threads", [0, 1, 1200, 70_000, 300_000]);
    server = await ServerProcess.start({ target: fixture.folder, workers: 2, flags: THREADS });
    temporary = new TemporaryFolder();
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
    temporary?.[Symbol.dispose]();
  });
  const port = () => ["--port", `${server.port}`];

  test("all of the default list is offered", () => {
    expect(server.log).toContain("  protocols   h3 h3-29 hq-interop echo\n");
  });

  test.each(["h3", "h3-29", "hq-interop"])("%s: every file over 6 connections", async (alpn) => {
    const list = temporary.join("paths");
    const paths = Array.from({ length: 4 }, () => fixture.files.map((file) => `/${file.name}`));
    await Bun.write(list, paths.flat().join("\n"));
    const flags = ["--alpn", alpn, "--connections", "6", "--paths-file", list];
    const report = await aioquic<FetchReport>("fetch", [...port(), ...flags]);
    expect(report.files.filter((file) => file.error !== null)).toEqual([]);
    for (const file of fixture.files) {
      const got = report.files.filter(({ path }) => path === `/${file.name}`);
      expect(got.map(({ sha256 }) => sha256)).toEqual(Array(4).fill(file.sha256));
    }
  });

  test("echo: streams and datagrams come back", async () => {
    const flags = ["--upload", "500000", "--streams", "4", "--datagrams", "100"];
    const report = await aioquic<EchoReport>("echo", [...port(), ...flags]);
    expect(report.error).toBeNull();
    expect(report.uploads.map((upload) => upload.equal)).toEqual([true, true, true, true]);
  });

  test("with an app: its own answers, and hq-interop from http.root", async () => {
    const app = await ServerProcess.start({
      target: join(import.meta.dir, "apps/test_app.ts"),
      host: "::1",
      flags: THREADS,
      env: { QUICD_HTTP_ROOT: fixture.folder },
    });
    expect(await get("a", app.port, "/hello")).toBe(200);
    const [, , , file] = fixture.files;
    const flags = [
      "--host",
      "::1",
      "--port",
      `${app.port}`,
      "--alpn",
      "hq-interop",
      `/${file?.name}`,
    ];
    const report = await aioquic<FetchReport>("fetch", flags);
    expect(report.files.map(({ sha256 }) => sha256)).toEqual([file!.sha256]);
    expect(await app.stop()).toBe(0);
  });
});

test("the access log has a whole line for each request of every thread", async () => {
  using empty = new TemporaryFolder();
  const server = await ServerProcess.start({
    target: empty.path,
    host: "::1",
    workers: 2,
    flags: THREADS,
  });
  const paths = Array.from({ length: 3000 }, (_, i) => `/line/${i}/${"x".repeat(i % 300)}`);
  const rows = Array.from({ length: 12 }, (_, row) => paths.filter((_, i) => i % 12 === row));
  const statuses = await Promise.all(
    rows.map((row, i) => Promise.all(row.map((path) => get(`h${i}`, server.port, path)))),
  );
  expect(new Set(statuses.flat())).toEqual(new Set([404]));
  // The last lines are still in the threads.
  expect(await server.stop()).toBe(0);
  const lines = server.log.split("\n").filter((line) => line.includes("GET"));
  const matches = lines.map((line) => LINE.exec(line));
  expect(lines.filter((_, i) => matches[i] === null)).toEqual([]);
  expect(matches.map((match) => match?.[1]).sort()).toEqual(paths.sort());
  // Connections go round: of so many, each thread had some.
  const connections = new Set(matches.map((match) => match?.[2]));
  expect(connections.size).toBeGreaterThanOrEqual(rows.length);
}, 60_000);
