/**
 * `quicd serve` from outside, over real HTTP/3: what it prints, serves and logs, and how it ends.
 *
 * The client is Bun's own. Without the native library everything here is skipped.
 */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cliCommand, environment, runCli } from "./run_cli.ts";

const LIBRARY = resolve(import.meta.dir, "../../build/lib/quicd.node");
const built = existsSync(LIBRARY);
if (!built) console.warn("skipped: build/lib/quicd.node is missing; ./setup builds it");

const folder = mkdtempSync(join(tmpdir(), "quicd-serve-"));
const site = join(folder, "site");
mkdirSync(site);
writeFileSync(join(site, "index.html"), "<h1>served</h1>");
writeFileSync(join(site, "large.bin"), Buffer.alloc(3_000_000, "quicd "));
const STATE = { XDG_STATE_HOME: join(folder, "state") };
const LOCAL = ["--host", "127.0.0.1", "--port", "0", "--workers", "2"];
const PATIENCE_MS = 20_000;

/** Bun's client speaks HTTP/3 when asked to; its types do not know the option yet. */
type ClientOptions = BunFetchRequestInit & { protocol: "http3" };

class RunningServer {
  readonly #child;
  #output = "";
  #errors = "";

  constructor(args: readonly string[]) {
    this.#child = Bun.spawn(cliCommand(args), {
      env: environment(STATE),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    void this.#collect(this.#child.stdout, (text) => {
      this.#output += text;
    });
    void this.#collect(this.#child.stderr, (text) => {
      this.#errors += text;
    });
  }

  get output(): string {
    return this.#output;
  }

  get errors(): string {
    return this.#errors;
  }

  get exitCode(): Promise<number> {
    return this.#child.exited;
  }

  get port(): number {
    return Number(/https:\/\/localhost:(\d+)\//.exec(this.#output)?.[1]);
  }

  /** Until the output has `text`. */
  async said(text: string | RegExp): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    const everything = () => this.#output + this.#errors;
    while (everything().search(text) < 0) {
      if (Date.now() > deadline) throw new Error(`never said ${text}:\n${everything()}`);
      await Bun.sleep(10);
    }
  }

  get(path: string, init: RequestInit = {}): Promise<Response> {
    const options: ClientOptions = {
      ...init,
      protocol: "http3",
      tls: { rejectUnauthorized: false },
    };
    return fetch(`https://127.0.0.1:${this.port}${path}`, options);
  }

  signal(name: "SIGINT" | "SIGTERM"): void {
    this.#child.kill(name);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async #collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }));
  }
}

const running: RunningServer[] = [];

async function start(...args: string[]): Promise<RunningServer> {
  const server = new RunningServer(["serve", ...args]);
  running.push(server);
  await server.said(/https:\/\/localhost:\d+\/\n/);
  return server;
}

function app(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

afterEach(() => {
  for (const server of running.splice(0)) server.kill();
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!built)("quicd serve", () => {
  test("serves a folder, says how to reach it, and logs each request", async () => {
    const server = await start(site, ...LOCAL);
    await server.said("chromium --origin-to-force-quic-on=localhost:");
    for (const word of ["backend", "workers     2", "h3 h3-29 hq-interop echo", "base64"]) {
      expect(server.output).toContain(word);
    }
    expect(server.output).not.toContain("\x1b");
    const home = await server.get("/");
    expect(await home.text()).toBe("<h1>served</h1>");
    expect(home.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const large = Buffer.from(await (await server.get("/large.bin")).arrayBuffer());
    expect(large.equals(Buffer.alloc(3_000_000, "quicd "))).toBe(true);
    const part = await server.get("/large.bin", { headers: { range: "bytes=6-10" } });
    expect([part.status, await part.text()]).toEqual([206, "quicd"]);
    expect((await server.get("/large.bin", { method: "HEAD" })).headers.get("content-length")).toBe(
      "3000000",
    );
    expect((await server.get("/absent")).status).toBe(404);
    await server.said(/Z GET \/ 200 15 \d+\.\d\d [0-9a-f]{32}\n/);
    await server.said(/Z GET \/large.bin 200 3000000 /);
    await server.said(/Z GET \/absent 404 /);
  });

  test("serves an app with the server behind its requests; --quiet logs nothing", async () => {
    const path = app(
      "app.ts",
      `export default {
        fetch(request, server) {
          if (request.url.endsWith("/throw")) throw new Error("own bug");
          return Response.json({ ip: server.requestIP(request).address, port: server.port });
        },
        error: (error) => new Response(error.message, { status: 500 }),
      };`,
    );
    const server = await start(path, ...LOCAL, "--quiet", "--alpn", "h3,hq-interop");
    expect(server.output).toContain("protocols   h3\n");
    const { port } = server;
    expect(await (await server.get("/")).json()).toEqual({ ip: "127.0.0.1", port });
    const failed = await server.get("/throw");
    expect([failed.status, await failed.text()]).toEqual([500, "own bug"]);
    await Bun.sleep(400);
    expect(server.output).not.toContain(" GET ");
  });

  test.each([
    [
      "an app",
      () => app("thread.ts", 'export const fetch = () => new Response("thread")'),
      "thread",
    ],
    ["a folder", () => site, "<h1>served</h1>"],
  ])("runs %s on app threads", async (_, subject, text) => {
    const server = await start(subject(), ...LOCAL, "--threads", "2");
    expect(server.output).toContain("app threads 2\n");
    expect(await (await server.get("/")).text()).toBe(text);
    server.signal("SIGTERM");
    expect(await server.exitCode).toBe(0);
  });

  test("SIGINT stops gracefully: open requests are answered, then it ends with 0", async () => {
    const slow =
      'export default { fetch: () => Bun.sleep(800).then(() => new Response("late")) }\n' +
      "setInterval(() => {}, 1000);";
    const server = await start(app("slow.ts", slow), ...LOCAL);
    const answer = server.get("/");
    await Bun.sleep(300);
    server.signal("SIGINT");
    await server.said("stopping: ");
    expect(await (await answer).text()).toBe("late");
    expect(await server.exitCode).toBe(0);
    expect(server.output).toMatch(/ GET \/ 200 4 /);
  });

  test("a second SIGINT, a second later, ends at once with 130", async () => {
    const stuck = "export default { fetch: () => new Promise(() => {}) }";
    const server = await start(app("stuck.ts", stuck), ...LOCAL);
    const impatient = new AbortController();
    const answer = server.get("/", { signal: impatient.signal }).catch(() => null);
    await Bun.sleep(300);
    server.signal("SIGINT");
    await server.said("stopping: ");
    await Bun.sleep(1200);
    server.signal("SIGINT");
    expect(await server.exitCode).toBe(130);
    impatient.abort();
    await answer;
  });

  test("a port in use is named, with a remedy, and ends with 1", async () => {
    const { port } = await start(site, ...LOCAL);
    const args = ["serve", site, "--host", "127.0.0.1", "--port", String(port)];
    const { exitCode, stderr, stdout } = await runCli(args, STATE);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(String(port));
    expect(stderr).toContain("in use");
    expect(stderr).toContain("choose another port (--port N");
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
  });
});
