/** `quicd why` and the control socket of `quicd serve`, as a user meets them. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { get } from "../support/http3_get.ts";
import { ROOT } from "../support/peer.ts";
import { ServerProcess } from "../support/server_process.ts";
import { runCli } from "./run_cli.ts";

const TARGET = join(ROOT, "test/e2e/apps/test_app.ts");
const root = mkdtempSync(join(tmpdir(), "quicd-why-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let runtime = "";
let servers: ServerProcess[] = [];
let folders = 0;
beforeEach(() => {
  runtime = join(root, String(folders++));
  mkdirSync(runtime, { mode: 0o700 });
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
});

async function start(env: Record<string, string> = {}): Promise<ServerProcess> {
  const options = { target: TARGET, workers: 2, env: { XDG_RUNTIME_DIR: runtime, ...env } };
  const server = await ServerProcess.start(options);
  servers.push(server);
  return server;
}

function why(...args: string[]) {
  return runCli(["why", ...args], { XDG_RUNTIME_DIR: runtime });
}

interface Listed {
  pid: number;
  reports: { connectionId: string; cause: string }[];
  more: number;
}

describe("quicd why", () => {
  test("lists, explains, and speaks JSON", async () => {
    const server = await start();
    await get(`${server.url}/hello`);
    const socket = join(runtime, `quicd-${server.pid}.sock`);
    expect(statSync(socket).mode & 0o777).toBe(0o600);

    const list = await why();
    expect(list).toMatchObject({ exitCode: 0, stderr: "" });
    expect(list.stdout).toMatch(
      new RegExp(`^server ${server.pid}: 1 connections\\n  [0-9a-f]{32}  127\\.0\\.0\\.1:`),
    );
    const [listed] = JSON.parse((await why("--json")).stdout) as Listed[];
    expect(listed).toMatchObject({ pid: server.pid, more: 0 });
    const { connectionId } = listed!.reports[0]!;

    const one = await why(connectionId.slice(0, 6).toUpperCase());
    expect(one).toMatchObject({ exitCode: 0, stderr: "" });
    expect(one.stdout).toStartWith(`server ${server.pid}: waits for nothing: it is idle`);
    expect(one.stdout).toContain(`  connection   ${connectionId}, server, established\n`);
    const json = JSON.parse((await why(connectionId, "--json", "--control", socket)).stdout);
    expect(json).toMatchObject({ pid: server.pid, connectionId, cause: "idle" });

    const none = await why("00000000000000000000");
    expect([none.exitCode, none.stderr]).toEqual([
      1,
      "error: no live connection has an ID that begins with 00000000000000000000\n",
    ]);
    expect(await server.stop()).toBe(0);
    expect(readdirSync(runtime)).toEqual([]);
  });

  test("asks all servers, and says which", async () => {
    const [first, second] = [await start(), await start()];
    await Promise.all([get(`${first.url}/hello`), get(`${second.url}/hello`)]);
    const list = await why();
    expect(list.stdout).toContain(`server ${first.pid}: 1 connections\n`);
    expect(list.stdout).toContain(`server ${second.pid}: 1 connections\n`);
    const both = JSON.parse((await why("--json")).stdout) as Listed[];
    const id = both.find(({ pid }) => pid === second.pid)!.reports[0]!.connectionId;
    expect((await why(id)).stdout).toStartWith(`server ${second.pid}: waits for `);
  });

  test("what a killed server left behind is removed", async () => {
    const server = await start();
    const socket = join(runtime, `quicd-${server.pid}.sock`);
    process.kill(server.pid, "SIGKILL");
    await server.stop();
    expect(existsSync(socket)).toBe(true);
    const outcome = await why();
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stderr).toContain(`no server of this user runs with a control socket in`);
    expect(existsSync(socket)).toBe(false);
  });

  test("a place of one's own: taken over from the dead, not from the living", async () => {
    const path = join(runtime, "mine.sock");
    const first = await start({ QUICD_TELEMETRY_CONTROL_PATH: path });
    expect((await why("--control", path)).stdout).toBe(`server ${first.pid}: 0 connections\n`);
    const refused = await runCli(["serve", TARGET, "--port", "0"], {
      QUICD_TELEMETRY_CONTROL_PATH: path,
    });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`telemetry.control_path: another server has its control`);
    process.kill(first.pid, "SIGKILL");
    await first.stop();
    const second = await start({ QUICD_TELEMETRY_CONTROL_PATH: path });
    expect((await why("--control", path)).stdout).toBe(`server ${second.pid}: 0 connections\n`);
  });

  test("can be switched off, and never gets in a server's way", async () => {
    await start({ QUICD_TELEMETRY_CONTROL: "false" });
    expect(readdirSync(runtime)).toEqual([]);
    const open = join(runtime, "open");
    mkdirSync(open);
    const warned = await start({ XDG_RUNTIME_DIR: open });
    expect(warned.log).toContain("only this user can look into");
    expect(readdirSync(open)).toEqual([]);
  });

  test.each([
    [["why", "xyz"], 2, "xyz is no connection ID: up to 32 hex digits"],
    [["why", "ab", "cd"], 2, "one connection at a time"],
    [["why", "--nothing"], 2, "'--nothing'"],
    [["why", "--control", "/nowhere/at/all"], 1, "no server answers at /nowhere/at/all"],
  ])("%p is refused with %d", async (args, exitCode, text) => {
    const outcome = await runCli(args, { XDG_RUNTIME_DIR: runtime });
    expect(outcome.exitCode).toBe(exitCode);
    expect(outcome.stderr).toContain(text);
  });
});

describe("the control socket", () => {
  test("answers line by line, and refuses what it does not know", async () => {
    const server = await start();
    const answers = await talk(
      join(runtime, `quicd-${server.pid}.sock`),
      [
        ...['{"ask":"list"}', '{"ask":', "hello", '{"ask":"why"}', '{"ask":"why","id":"ZZ"}'],
        '{"ask":"why","id":"ff"}\n',
      ].join("\n"),
      6,
    );
    const errors = answers.map((answer) => (answer.ok ? "ok" : answer.error));
    expect(errors).toEqual([
      ...["ok", "bad-request", "bad-request", "bad-request", "bad-request", "unknown"],
    ]);
    for (const { pid } of answers) expect(pid).toBe(server.pid);
    // One who never ends a line is not listened to for long.
    expect(await talk(join(runtime, `quicd-${server.pid}.sock`), "x".repeat(100_000), 1)).toEqual(
      [],
    );
  });
});

interface Answer {
  ok: boolean;
  pid: number;
  error?: string;
}

/** Until `count` lines came, or the other side ended. */
async function talk(path: string, text: string, count: number): Promise<Answer[]> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let got = "";
  const socket = await Bun.connect({
    unix: path,
    socket: {
      data(_socket, bytes) {
        got += bytes.toString();
        if (got.split("\n").length > count) resolve();
      },
      close: () => resolve(),
    },
  });
  socket.write(text);
  await promise;
  socket.end();
  return got
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Answer);
}
