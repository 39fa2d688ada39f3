/**
 * App threads whose module fails: at the first start that is an error of `serve`, at a later one it
 * is tried again and again, while the other threads go on.
 */
import { afterAll, afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libraryPath } from "../../src/native/library.ts";
import type { AppThreadView } from "../../src/server.ts";
import { skipReason } from "../support/peer.ts";
import { ServedProgram } from "../support/served_program.ts";

const native = test.skipIf(skipReason(existsSync(libraryPath()) ? null : "no native library"));
const folder = mkdtempSync(join(tmpdir(), "quicd-restart-"));
afterAll(() => rmSync(folder, { recursive: true }));

const PATIENCE_MS = 20_000;

function moduleOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** No test finds what another one has left. */
afterEach(() => rmSync(join(folder, "broken"), { force: true }));

/** The crash comes after the answer has left. */
const APP = moduleOf(
  "app.ts",
  `import { existsSync } from "node:fs";
  import { threadName } from "node:worker_threads";
  if (existsSync(${JSON.stringify(join(folder, "broken"))})) throw new Error("broken module");
  export default { fetch(request: Request) {
    if (request.url.endsWith("/crash")) setTimeout(() => { throw new Error("crash"); }, 50);
    return new Response(threadName);
  } };`,
);

function program(module: string, options = ""): ServedProgram {
  return new ServedProgram(
    `try {
      const threads = { app: ${JSON.stringify(module)}, appThreads: 2, workers: 1 };
      const server = await serve({ ...options, hostname: "::1", ...threads, ${options} });
      say(server.port);
      for await (const question of { [Symbol.asyncIterator]: () => lines }) {
        if (question === "stop") break;
        say(server.threads);
      }
      await server.stop();
      say("stopped");
    } catch (error) {
      say(error.message);
    }`,
  );
}

let names = 0;

/** On a connection of its own: the thread that answered. */
async function get(port: number, path = "/"): Promise<string> {
  const init: object = {
    protocol: "http3",
    tls: { rejectUnauthorized: false },
    signal: AbortSignal.timeout(15_000),
  };
  return await (await fetch(`https://h${names++}.localhost:${port}${path}`, init)).text();
}

async function threads(
  server: ServedProgram,
  done: (views: AppThreadView[]) => boolean,
): Promise<AppThreadView[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    server.tell("threads");
    const views = await server.next<AppThreadView[]>();
    if (done(views)) return views;
    if (performance.now() > deadline) throw new Error(`never: ${JSON.stringify(views)}`);
    await Bun.sleep(20);
  }
}

native(
  "a module that fails at restarts is tried again, and the others go on",
  async () => {
    using server = program(APP);
    const port = await server.next<number>();
    expect(await Promise.all([get(port), get(port)])).toContain("app thread 0");
    const fresh = { state: "serving", restarts: 0, failures: 0, lastFailure: null };
    expect(await threads(server, () => true)).toEqual([
      { app: 0, ...fresh },
      { app: 1, ...fresh },
    ] as AppThreadView[]);

    const broken = moduleOf("broken", "");
    for (let tries = 0; (await get(port, "/crash")) !== "app thread 0"; tries++) {
      if (tries > 20) throw new Error("no connection came to app thread 0");
      // The other one was hit: it is broken too, from here on, unless it may come back.
      rmSync(broken);
      await threads(server, (views) => views.every(({ state }) => state === "serving"));
      moduleOf("broken", "");
    }
    const failing = await threads(server, ([first]) => (first?.failures ?? 0) >= 4);
    expect(failing[0]?.lastFailure).toMatch(/^Error: broken module \(\S+app.ts:3:\d+\)$/);
    expect(["starting", "waiting"]).toContain(failing[0]?.state ?? "");
    expect(failing[1]?.state).toBe("serving");
    for (let i = 0; i < 6; i++) expect(await get(port)).toBe("app thread 1");

    rmSync(broken);
    const back = await threads(server, ([first]) => first?.state === "serving");
    expect(back[0]?.restarts).toBeGreaterThanOrEqual(4);
    // One start does not make it healthy, it has to last.
    expect(back[0]?.failures).toBeGreaterThanOrEqual(4);
    const answered = [await get(port), await get(port)];
    expect(answered.sort()).toEqual(["app thread 0", "app thread 1"]);
    server.tell("stop");
    expect(await server.next<string>()).toBe("stopped");
    expect(await server.end()).toBe(0);

    const lines = server.errors.split("\n").filter((line) => line !== "");
    const waits = lines
      .filter((line) => line.startsWith("quicd: app thread 0 failed: Error: broken module ("))
      .map((line) => Number(/; starts again in (\d+) ms$/.exec(line)?.[1]));
    expect(waits.slice(-3)).toEqual(waits.slice(-3).sort((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThanOrEqual(800);
    // A line for each failure, and no other.
    expect(lines.filter((line) => !line.includes(" failed: "))).toEqual([]);
  },
  60_000,
);

native.each([
  ["that throws", "throw new Error('own bug');", "own bug"],
  ["that does not parse", "export default {", "that_does_not_parse.ts:1:"],
  ["without a handler", "export default {};", "needs a default export with fetch"],
  ["that ends its thread", "process.exit(3);", "its Worker ended with code 3"],
])("the first start of a module %s is an error of serve()", async (name, text, said) => {
  const module = moduleOf(`${name.replaceAll(" ", "_")}.ts`, text);
  using server = program(module);
  expect(await server.next<string>()).toContain(said);
  // Nothing keeps the process alive, and nothing is tried again.
  expect(await server.end()).toBe(0);
  expect(server.errors).not.toContain("starts again");
});

native("hq-interop on app threads says what it needs, and works with it", async () => {
  const alpn = 'alpn: ["h3", "hq-interop", "echo"]';
  using without = program(APP, alpn);
  expect(await without.next<string>()).toContain("it needs resolveFile(path) beside fetch");
  const module = moduleOf(
    "files.ts",
    'export default { fetch: () => new Response("h3"), resolveFile: () => null };',
  );
  using server = program(module, alpn);
  const port = await server.next<number>();
  expect(await get(port)).toBe("h3");
  server.tell("stop");
  expect(await server.next<string>()).toBe("stopped");
});
