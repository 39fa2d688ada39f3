/**
 * Bun.serve in the place of a native part that cannot be loaded: when, what it answers, what it
 * refuses, and what is never a reason for it. Every server is a process of its own.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libraryPath } from "../../src/native/library.ts";
import { skipReason } from "../support/peer.ts";
import { type ProgramOptions, ServedProgram } from "../support/served_program.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-fallback-"));
afterAll(() => rmSync(folder, { recursive: true }));
const NO_LIBRARY = join(folder, "no_library.node");
writeFileSync(NO_LIBRARY, "this is no library");
const ABSENT = join(folder, "absent.node");
const built = existsSync(libraryPath());
const python = Bun.which("python3");

const MISSING: ProgramOptions = { env: { QUICD_NATIVE: ABSENT } };
const PROTOCOLS = ["http3", "http2", "http1.1"] as const;
type Protocol = (typeof PROTOCOLS)[number];

function get(protocol: Protocol, port: number, path = "/", init: RequestInit = {}) {
  const signal = AbortSignal.timeout(8000);
  const client = { protocol, tls: { rejectUnauthorized: false }, signal, ...init };
  return fetch(`https://127.0.0.1:${port}${path}`, client as RequestInit);
}

const ECHO = `
const server = await serve({
  ...options,
  maxRequestBodySize: 1000,
  async fetch(request, facade) {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/throw") throw new Error("own bug");
    if (pathname === "/nothing") return undefined;
    const { address } = facade.requestIP(request);
    const text = await request.text();
    return Response.json({ pathname, search, address, text, pending: facade.pendingRequests });
  },
  error: (error) => new Response(error.message, { status: 503 }),
});
const { port, url, hostname, address, alpns, fallback, engineView, connections, threads } = server;
const counters = server.counters();
say({ port, url, hostname, address, alpns, fallback, engineView, connections, threads, counters });
await lines.next();
await server.stop();
await server.closed;
say("stopped");
process.exit(0);
`;

interface Surface {
  port: number;
  url: string;
  fallback: string;
  alpns: string[];
}

describe.each([
  ["is missing", ABSENT, "no such file"],
  ["is no library", NO_LIBRARY, "file too short"],
])("a native part that %s", (_, path, reason) => {
  test("is replaced by Bun.serve, which says so in one line", async () => {
    using program = new ServedProgram(ECHO, { env: { QUICD_NATIVE: path } });
    const { port, ...surface } = await program.next<Surface>();
    expect(surface as object).toEqual({
      url: `https://127.0.0.1:${port}/`,
      hostname: "127.0.0.1",
      address: { family: 4, address: "127.0.0.1", port },
      alpns: ["h3", "h2", "http/1.1"],
      fallback: `native part missing (${path}: ${reason})`,
      ...{ engineView: null, connections: null, threads: [], counters: null },
    });
    for (const protocol of PROTOCOLS) {
      const answer = await get(protocol, port, "/a?b", { method: "POST", body: "hello" });
      const expected = { pathname: "/a", search: "?b", address: "127.0.0.1", text: "hello" };
      expect(await answer.json()).toEqual({ ...expected, pending: 1 });
      const failed = await get(protocol, port, "/throw");
      expect([failed.status, await failed.text()]).toEqual([503, "own bug"]);
      const nothing = await get(protocol, port, "/nothing");
      expect([nothing.status, await nothing.text()]).toEqual([
        503,
        "the handler returned undefined, not a Response",
      ]);
      const body = "x".repeat(1001);
      expect((await get(protocol, port, "/", { method: "POST", body })).status).toBe(413);
    }
    program.tell();
    expect(await program.next<string>()).toBe("stopped");
    expect(await program.end()).toBe(0);
    const lines = program.errors.split("\n").filter((line) => line.startsWith("quicd:"));
    expect(lines).toEqual([
      `quicd: native part missing (${path}: ${reason}); serving with Bun.serve: ` +
        "HTTP/3 on the JavaScript thread, where a busy handler stalls it; " +
        "no connection migration across processes, no datagrams, no other protocols",
    ]);
  });
});

test("a lean handler answers there as it does natively", async () => {
  using program = new ServedProgram(
    `const server = await serve({
      ...options,
      async lean(ctx) {
        if (ctx.path === "/late") await Bun.sleep(1);
        if (ctx.path === "/none") return;
        const body = new TextDecoder().decode(await ctx.bytes());
        const facts = [ctx.method, ctx.path, ctx.authority, ctx.header("x-a"), body];
        ctx.respond(201, { "x-b": "c" }, JSON.stringify(facts));
      },
    });
    say(server.port);`,
    MISSING,
  );
  const port = await program.next<number>();
  for (const protocol of PROTOCOLS) {
    const init = { method: "POST", body: "hello", headers: { "x-a": "1" } };
    const answer = await get(protocol, port, "/late", init);
    expect([answer.status, answer.headers.get("x-b")]).toEqual([201, "c"]);
    expect(await answer.json()).toEqual(["POST", "/late", `127.0.0.1:${port}`, "1", "hello"]);
    const none = await get(protocol, port, "/none");
    expect([none.status, await none.text()]).toEqual([500, "Internal Server Error"]);
  }
  expect(program.errors).toContain("the handler ended without ctx.respond");
});

test("a module is served; a graceful stop waits, a forced one leaves nobody waiting", async () => {
  const module = join(folder, "slow_app.ts");
  writeFileSync(
    module,
    `export default { fetch: (request: Request) => request.url.endsWith("/slow")
       ? Bun.sleep(300).then(() => new Response("late but whole")) : new Promise(() => {}) };`,
  );
  using program = new ServedProgram(
    `const server = await serve({ ...options, app: ${JSON.stringify(module)} });
    say(server.port);
    await lines.next();
    const patient = server.stop();
    await lines.next();
    const before = performance.now();
    await server.stop(true);
    await patient;
    say(performance.now() - before < 4000);
    process.exit(0);`,
    MISSING,
  );
  const port = await program.next<number>();
  const slow = PROTOCOLS.map((protocol) => get(protocol, port, "/slow").then((one) => one.text()));
  const endless = PROTOCOLS.map((protocol) => get(protocol, port, "/endless"));
  await Bun.sleep(150);
  program.tell();
  expect(await Promise.all(slow)).toEqual(PROTOCOLS.map(() => "late but whole"));
  program.tell();
  const statuses = await Promise.all(endless.map(async (answer) => (await answer).status));
  expect(statuses).toEqual([503, 503, 503]);
  expect(await program.next<boolean>()).toBe(true);
  expect(await program.end()).toBe(0);
});

test("signals stop it gracefully", async () => {
  using program = new ServedProgram(
    `const server = await serve({
      ...options, signals: true,
      fetch: () => Bun.sleep(500).then(() => new Response("late")),
    });
    say(server.port);
    await server.closed;
    say("closed");
    process.exit(0);`,
    MISSING,
  );
  const port = await program.next<number>();
  const answer = get("http3", port).then((response) => response.text());
  await Bun.sleep(200);
  program.signal("SIGTERM");
  program.signal("SIGTERM");
  expect(await answer).toBe("late");
  expect(await program.next<string>()).toBe("closed");
  expect(await program.end()).toBe(0);
});

describe("what it cannot do is an error", () => {
  const failing = async (options: string, env: Record<string, string> = {}) => {
    using program = new ServedProgram(
      `await serve({ ...options, fetch: () => new Response(), ...${options} })
        .then((server) => say(server.fallback), (error) => say(error.message));
      process.exit(0);`,
      { env: { ...MISSING.env, ...env } },
    );
    return await program.next<string>();
  };
  const needs = `quicd's native part, which is missing (${ABSENT}: no such file)`;

  test.each([
    ["{ workers: 1 }", "workers needs"],
    ['{ backend: "syscalls" }', "backend needs"],
    ['{ routing: "forward" }', "routing needs"],
    ['{ alpn: ["h3", "echo"] }', "alpn beside h3 needs"],
    ["{ idleTimeout: 300 }", "idleTimeout above 255 needs"],
    [`{ app: "app.ts", appThreads: 2, workers: 2 }`, "appThreads, workers need"],
    ["{ registry: {} }", "registry needs"],
  ])("%s", async (options, text) => {
    expect(await failing(options)).toContain(`${text} ${needs}`);
  });

  test("what says no more than the default is none", async () => {
    const options = '{ backend: "auto", routing: "auto", alpn: ["h3"], appThreads: 0 }';
    expect(await failing(options)).toBe(`native part missing (${ABSENT}: no such file)`);
  });

  test("QUICD_FALLBACK=never refuses it, and has no other value", async () => {
    expect(await failing("{}", { QUICD_FALLBACK: "never" })).toBe(
      `quicd: the native part is missing (${ABSENT}: no such file): run ./setup, on Linux x86-64`,
    );
    expect(await failing("{}", { QUICD_FALLBACK: "no" })).toContain("QUICD_FALLBACK=no");
  });

  test("a port in use, and a certificate whose key is another's", async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    expect(await failing(`{ port: ${taken.port} }`)).toContain(`port ${taken.port} is in use`);
    taken.stop(true);
    const udp = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
    expect(await failing(`{ port: ${udp.port} }`)).toContain(`port ${udp.port} is in use`);
    udp.close();
    expect(await failing('{ hostname: "192.0.2.77" }')).toContain("is no address of this machine");
    const other = Bun.spawnSync(["openssl", "genpkey", "-algorithm", "ed25519"]).stdout.toString();
    const tls = `{ tls: { cert: options.tls.cert, key: ${JSON.stringify(other)} } }`;
    expect(await failing(tls)).toContain("certificate and key cannot be used together");
  });
});

test.skipIf(skipReason(python === null ? "no python3 to forbid UDP with" : null))(
  "where Bun cannot have HTTP/3, HTTP/2 and HTTP/1.1 are left, and it says so",
  async () => {
    const wrapper = [python ?? "", join(import.meta.dir, "../support/without_udp.py")];
    using program = new ServedProgram(ECHO, { ...MISSING, wrapper });
    const { port, alpns } = await program.next<Surface>();
    expect(alpns).toEqual(["h2", "http/1.1"]);
    for (const protocol of ["http2", "http1.1"] as const) {
      expect((await get(protocol, port)).status).toBe(200);
    }
    await expect(get("http3", port, "/", { signal: AbortSignal.timeout(1000) })).rejects.toThrow();
    expect(program.errors).toContain("HTTP/1.1 and HTTP/2 only (Bun refuses HTTP/3: ");
  },
);

describe.skipIf(skipReason(built ? null : "no native library to refuse"))(
  "a library that is there is never replaced",
  () => {
    const SERVE = `await serve({ ...options, fetch: () => new Response() })
      .then((server) => say(server.fallback), (error) => say(error.message));
    process.exit(0);`;

    test("when it has another ABI", async () => {
      const preload = join(folder, "other_abi.ts");
      writeFileSync(
        preload,
        `Bun.plugin({ name: "other ABI", setup(build) {
          build.onLoad({ filter: /abi\\.gen\\.ts$/ }, async ({ path }) => {
            const text = await Bun.file(path).text();
            const contents = text.replace(/(ABI_HASH = )\\w+/, "$1" + 12345);
            return { contents, loader: "ts" };
          });
        } });`,
      );
      using program = new ServedProgram(SERVE, { flags: ["--preload", preload] });
      expect(await program.next<string>()).toContain("this TypeScript has 12345: run ./setup");
    });

    test("when it is no addon", async () => {
      const library = /\S+\/libc\.so\.6$/m.exec(await Bun.file("/proc/self/maps").text())?.[0];
      using program = new ServedProgram(SERVE, { env: { QUICD_NATIVE: library ?? "" } });
      expect(await program.next<string>()).toContain("is no addon");
    });

    test("when the port is in use", async () => {
      const udp = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
      using program = new ServedProgram(`options.port = ${udp.port};${SERVE}`);
      expect(await program.next<string>()).toContain(`UDP port ${udp.port} is in use`);
      udp.close();
      expect(program.errors).not.toContain("Bun.serve");
    });

    test("and an import of the package loads nothing", async () => {
      const mapped = 'require("node:fs").readFileSync("/proc/self/maps", "utf8")';
      using program = new ServedProgram(
        `say(${mapped}.includes("quicd.node"));
        await serve({ ...options, fetch: () => new Response() });
        say(${mapped}.includes("quicd.node"));
        process.exit(0);`,
      );
      expect([await program.next(), await program.next()]).toEqual([false, true]);
    });
  },
);
