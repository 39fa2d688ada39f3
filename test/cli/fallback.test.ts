/** `quicd serve` where the native part is missing: Bun.serve, a banner that says so, and a log. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cliCommand, environment, runCli } from "./run_cli.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-cli-fallback-"));
afterAll(() => rmSync(folder, { recursive: true }));
const site = join(folder, "site");
mkdirSync(site);
writeFileSync(join(site, "index.html"), "<h1>served</h1>");
writeFileSync(join(site, "large.bin"), Buffer.alloc(3_000_000, "quicd "));
const app = join(folder, "app.ts");
writeFileSync(
  app,
  `export default {
    fetch: (request) => {
      if (request.url.endsWith("/throw")) throw new Error("own bug");
      return new Response("four");
    },
  };`,
);

const ABSENT = join(folder, "absent.node");
const MISSING = { QUICD_NATIVE: ABSENT, XDG_STATE_HOME: join(folder, "state") };
const PATIENCE_MS = 20_000;

class Running implements Disposable {
  readonly child;
  text = "";

  constructor(args: string[], env: Record<string, string> = {}) {
    this.child = Bun.spawn(cliCommand(["serve", ...args, "--host", "127.0.0.1", "--port", "0"]), {
      env: environment({ ...MISSING, ...env }),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    for (const stream of [this.child.stdout, this.child.stderr]) void this.#collect(stream);
  }

  async said(text: string | RegExp): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.text.search(text) < 0) {
      if (Date.now() > deadline) throw new Error(`never said ${text}:\n${this.text}`);
      await Bun.sleep(10);
    }
  }

  async get(protocol: string, path: string, init: RequestInit = {}): Promise<Response> {
    const url = /https:\/\/localhost:(\d+)\/\n/;
    await this.said(url);
    const options = { protocol, tls: { rejectUnauthorized: false }, ...init };
    const port = url.exec(this.text)?.[1];
    return await fetch(`https://127.0.0.1:${port}${path}`, options as RequestInit);
  }

  [Symbol.dispose](): void {
    this.child.kill("SIGKILL");
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.text += decoder.decode(bytes, { stream: true });
  }
}

test("a folder is served over every HTTP, with a banner and a line for each request", async () => {
  using server = new Running([site], { QUICD_QUIC_STREAMS_BIDI: "5" });
  for (const protocol of ["http3", "http2", "http1.1"]) {
    const home = await server.get(protocol, "/");
    expect(await home.text()).toBe("<h1>served</h1>");
    const large = Buffer.from(await (await server.get(protocol, "/large.bin")).arrayBuffer());
    expect(large.equals(Buffer.alloc(3_000_000, "quicd "))).toBe(true);
    const part = await server.get(protocol, "/large.bin", { headers: { range: "bytes=6-10" } });
    expect([part.status, await part.text()]).toEqual([206, "quicd"]);
  }
  expect(server.text).toContain(`quicd: native part missing (${ABSENT}: no such file); serving`);
  for (const row of [
    "  backend     Bun.serve\n",
    "  protocols   h3 h2 http/1.1\n",
    "  warning     Bun.serve does not heed quic.streams_bidi\n",
  ]) {
    expect(server.text).toContain(row);
  }
  for (const name of ["workers", "routing", "offload", "buffers"]) {
    expect(server.text).not.toContain(`  ${name} `);
  }
  await server.said(/Z GET \/ 200 15 \d+\.\d\d -\n/);
  await server.said(/Z GET \/large.bin 206 5 \d+\.\d\d -\n/);
  server.child.kill("SIGTERM");
  await server.said("stopping: ");
  expect(await server.child.exited).toBe(0);
});

test("an app is served; its failures are 500 and told", async () => {
  using server = new Running([app]);
  expect(await (await server.get("http3", "/")).text()).toBe("four");
  const failed = await server.get("http3", "/throw");
  expect([failed.status, await failed.text()]).toEqual([500, "Internal Server Error"]);
  await server.said("own bug");
  await server.said(/Z GET \/ 200 4 \d+\.\d\d -\n/);
});

test.each([
  [["--workers", "4"], "netio.workers needs quicd's native part"],
  [["--threads", "2", "--routing", "ebpf"], "netio.routing, apps.threads need"],
  [["--alpn", "h3,echo"], "apps.alpn beside h3 needs"],
  [["--keylog", "/dev/null"], "tls.keylog needs"],
])("%p cannot be had", async (flags, text) => {
  const { exitCode, stderr, stdout } = await runCli(["serve", site, ...flags], MISSING);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(text);
  expect(stderr).toContain(`(${ABSENT}: no such file)`);
});

test("QUICD_FALLBACK=never refuses", async () => {
  const { exitCode, stderr } = await runCli(["serve", site], {
    ...MISSING,
    QUICD_FALLBACK: "never",
  });
  expect([exitCode, stderr]).toEqual([
    1,
    `error: quicd: the native part is missing (${ABSENT}: no such file): ` +
      "run ./setup, on Linux x86-64\n",
  ]);
});
