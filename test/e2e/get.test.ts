/** `quicd get` as a user runs it: what it prints where, what it writes, and how it ends. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { QuicServer } from "../../src/server.ts";
import { runCli } from "../cli/run_cli.ts";
import { testCertificate } from "../support/certificate.ts";
import { startLocalServer } from "../support/client_side.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-get-"));
const { certPath } = testCertificate();
const content = crypto.getRandomValues(new Uint8Array(300_000));
let server: QuicServer;
let requests = 0;
beforeAll(async () => {
  writeFileSync(join(folder, "file.bin"), content);
  server = await startLocalServer({
    folder,
    engine: { earlyData: true },
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      requests++;
      if (pathname === "/file.bin") return new Response(content);
      if (pathname === "/early") return new Response(`${request.headers.get("early-data")}\n`);
      if (pathname === "/hang") return new Promise<Response>(() => {});
      return new Response("not here\n", { status: 404, headers: { "x-why": "because" } });
    },
  });
});
afterAll(async () => {
  await server?.stop(true);
  rmSync(folder, { recursive: true });
});

const get = (path: string, ...flags: string[]) =>
  runCli(["get", `https://localhost:${server.port}${path}`, "--ca", certPath, ...flags]);

test("content to a file, whole, and nothing else said", async () => {
  const out = join(folder, "out");
  expect(await get("/file.bin", "-o", out)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(readFileSync(out)).toEqual(Buffer.from(content));
});

test("hq-interop", async () => {
  const out = join(folder, "out.hq");
  const { exitCode, stderr } = await get("/file.bin", "--alpn", "hq-interop", "-o", out);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(readFileSync(out)).toEqual(Buffer.from(content));
  const absent = await get("/absent", "--alpn", "hq-interop");
  expect(absent).toMatchObject({ exitCode: 1, stdout: "" });
  expect(absent.stderr).toBe("error: no complete response: the server broke off with code 0x404\n");
});

test("-i has status and fields first, and an error status its own exit code", async () => {
  const { exitCode, stdout, stderr } = await get("/nothing", "-i");
  expect([exitCode, stderr]).toEqual([4, ""]);
  expect(stdout).toMatch(/^HTTP\/3 404\n(?:[a-z-]+: .+\n)+\nnot here\n$/);
  expect(stdout).toContain("x-why: because\n");
});

test("--repeat asks again over the one connection", async () => {
  const before = { requests, accepted: server.counters()!.accepted };
  const { stdout } = await get("/nothing", "--repeat", "5");
  expect(stdout).toBe("not here\n".repeat(5));
  expect(requests - before.requests).toBe(5);
  expect(server.counters()!.accepted - before.accepted).toBe(1);
});

test("--session keeps a session that only we may read, and resumes, early or not", async () => {
  const session = join(folder, "session");
  const first = await get("/early", "--session", session, "--verbose");
  expect(first).toMatchObject({ exitCode: 0, stdout: "null\n" });
  expect(first.stderr).toMatch(
    /^\* connected to 127\.0\.0\.1:\d+ in [\d.]+ ms: handshake complete/,
  );
  expect(first.stderr).toMatch(/\* session of \d+ bytes kept in /);
  expect(first.stderr).toMatch(/\* round trip [\d.]+ ms; received \d+ bytes in \d+ packets/);
  expect(statSync(session).mode & 0o777).toBe(0o600);
  const kept = readFileSync(session);

  const second = await get("/early", "--session", session, "--verbose");
  expect(second.stderr).toContain("\n* session resumed\n");
  expect(readFileSync(session)).not.toEqual(kept);

  const third = await get("/early", "--session", session, "--early", "--verbose");
  expect(third.stderr).toContain("\n* session resumed, early data accepted\n");
});

test("--keylog appends the secrets of the connection", async () => {
  const keylog = join(folder, "keylog");
  expect((await get("/early", "--keylog", keylog)).exitCode).toBe(0);
  expect(readFileSync(keylog, "utf8")).toContain("CLIENT_TRAFFIC_SECRET_0 ");
});

describe("what goes wrong is one line, a remedy, and a code", () => {
  const url = () => `https://localhost:${server.port}/`;
  test("a certificate that is not trusted, unless any will do", async () => {
    const { exitCode, stdout, stderr } = await runCli(["get", url()]);
    expect([exitCode, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(
      /^error: cannot connect to .* certificate is not trusted .*\n {2}--ca F/,
    );
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
    expect((await runCli(["get", url(), "--insecure"])).exitCode).toBe(4);
  });

  test("a name without an address", async () => {
    const { exitCode, stderr } = await runCli(["get", "https://no-such-host.invalid/"]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe('error: there is no address for "no-such-host.invalid" (ENOTFOUND)\n');
  });

  test("a folder that is not there", async () => {
    const { exitCode, stderr } = await get("/early", "-o", join(folder, "absent/file"));
    expect(exitCode).toBe(1);
    expect(stderr).toStartWith("error: ENOENT");
    expect(stderr).not.toContain("    at ");
  });

  test.each<[args: string[], text: string]>([
    [[], "which URL? quicd get https://"],
    [["http://localhost/"], "must be like https://localhost:4433/"],
    [["localhost:4433"], "must be like https://"],
    [["https://a/", "https://b/"], "one URL at a time"],
    [["https://a/", "--alpn", "smtp"], "--alpn: smtp must be h3 or hq-interop"],
    [["https://a/", "--early"], "--early needs a session"],
    [["https://a/", "--repeat", "0"], "--repeat: 0 must be from 1 to"],
    [["https://a/", "--sesion", "x"], "did you mean --session?"],
    [["https://a/", "--port", "1"], "get has no flag --port"],
    [["https://a/", "-o"], "'-o, --output <value>' argument missing"],
    [["https://a/", "--ca", "/nowhere.pem"], "tls.ca"],
  ])("get %j", async (args, text) => {
    const { exitCode, stdout, stderr } = await runCli(["get", ...args]);
    expect(stderr).toStartWith("error: ");
    expect(stderr).toContain(text);
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
    expect(exitCode).toBe(text === "tls.ca" ? 1 : 2);
  });

  test("get behind other flags", async () => {
    const { exitCode, stderr } = await runCli(["--quiet", "get", "https://a/"]);
    expect([exitCode, stderr]).toEqual([2, "error: get comes first: quicd get URL [flags]\n"]);
  });
});

test("get --help is the help", async () => {
  expect(await runCli(["get", "--help"])).toEqual(await runCli(["--help"]));
});
