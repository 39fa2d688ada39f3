/**
 * The whole way with the native library: `serve`, requests, app threads that crash, graceful stops.
 * Bun's own HTTP/3 client asks. Skipped while the library is not built.
 */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libraryPath } from "../../src/native/library.ts";
import { type RunningServer, type ServeOptions, serve } from "../../src/server.ts";
import { requireBackend, wantedBackend } from "../support/backend.ts";
import { testCertificate } from "../support/certificate.ts";

const native = test.skipIf(!existsSync(libraryPath()));

async function withServer(
  options: ServeOptions,
  use: (server: RunningServer) => Promise<void>,
): Promise<void> {
  const { certPath, keyPath } = testCertificate();
  const tls = { cert: certPath, key: Bun.file(keyPath) };
  const backend = wantedBackend() ?? "auto";
  const shared = { port: 0, hostname: "127.0.0.1", workers: 2, shutdownGraceMs: 2000, tls };
  const server = await serve({ ...shared, backend, ...options });
  try {
    requireBackend(backend, server.engineView?.backend ?? "none");
    await use(server);
  } finally {
    await server.stop(true);
  }
}

function get(server: RunningServer, path = "/", init: RequestInit = {}): Promise<Response> {
  const signal = AbortSignal.timeout(5000);
  const tls = { rejectUnauthorized: false };
  const client = { protocol: "http3", tls, signal, ...init };
  return fetch(new URL(path, server.url), client as RequestInit);
}

native("answers requests, with bodies both ways", async () => {
  const fetchHandler = async (request: Request) => new Response(`${(await request.text()).length}`);
  await withServer({ fetch: fetchHandler }, async (server) => {
    const body = "x".repeat(300_000);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => get(server, `/${i}`, { method: "POST", body })),
    );
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(texts).toEqual(Array.from({ length: 20 }, () => "300000"));
    expect(server.pendingRequests).toBe(0);
  });
});

native("the handler gets the server, which knows the peer's address", async () => {
  const seen: unknown[] = [];
  const handler: ServeOptions["fetch"] = (request, server) => {
    seen.push(server.requestIP(request)?.address, server.port, server.pendingRequests);
    return new Response("ok");
  };
  await withServer({ fetch: handler }, async (server) => {
    await (await get(server)).text();
    expect(seen).toEqual(["127.0.0.1", server.port, 1]);
    expect(server.url.href).toBe(`https://127.0.0.1:${server.port}/`);
    expect(server.counters()?.accepted).toBe(1);
  });
});

native("stop waits for what runs, and no lease is left", async () => {
  const started = Promise.withResolvers<void>();
  const handler = async () => {
    started.resolve();
    await Bun.sleep(150);
    return new Response("late but whole");
  };
  await withServer({ fetch: handler }, async (server) => {
    const answer = get(server).then((response) => response.text());
    await started.promise;
    const stopped = server.stop();
    expect(await answer).toBe("late but whole");
    await stopped;
    expect(server.counters()?.chunks_live).toBe(0);
    expect(server.counters()?.commands_invalid).toBe(0);
  });
});

native(
  "a handler that never answers does not hold up a stop for longer than its grace",
  async () => {
    const handler = () => new Promise<Response>(() => {});
    await withServer({ fetch: handler, shutdownGraceMs: 100 }, async (server) => {
      const answer = get(server).then(
        () => "answered",
        () => "failed",
      );
      await Bun.sleep(100);
      const before = performance.now();
      await server.stop();
      expect(performance.now() - before).toBeLessThan(2000);
      expect(await answer).toBe("failed");
    });
  },
);

native("an app thread that crashes comes back, and the process lives on", async () => {
  const module = join(mkdtempSync(join(tmpdir(), "quicd-app-")), "app.ts");
  writeFileSync(
    module,
    `let served = 0;
export default { fetch(request: Request) {
  if (request.url.endsWith("/crash")) setTimeout(() => { throw new Error("on purpose"); }, 0);
  return Response.json({ served: ++served, main: Bun.isMainThread });
} };`,
  );
  await withServer({ app: module, appThreads: 1 }, async (server) => {
    expect(await (await get(server)).json()).toEqual({ served: 1, main: false });
    await (await get(server, "/crash")).text();
    await Bun.sleep(50);
    let answer: unknown;
    for (let tries = 0; tries < 10 && answer === undefined; tries++) {
      const again = get(server, "/", { signal: AbortSignal.timeout(1000) });
      answer = await again.then((response) => response.json()).catch(() => undefined);
    }
    expect(answer).toEqual({ served: 1, main: false });
  });
});

test.each<[string, Partial<ServeOptions>, string]>([
  ["a handler", { fetch: undefined }, "a handler needs fetch"],
  ["a module for app threads", { appThreads: 1 }, "appThreads needs app"],
  [
    "an application for each ALPN",
    { alpn: ["x"], tls: { cert: "-----BEGIN", key: "-----BEGIN" } },
    "no application",
  ],
  ["files that can be read", { tls: { cert: "/nowhere.pem", key: "-----BEGIN" } }, "tls.cert"],
])("serve() asks for %s", async (_what, options, text) => {
  await expect(serve({ fetch: () => new Response(), ...options })).rejects.toThrow(text);
});
