/** Our client with our server: every protocol, every way to be refused, and the life around it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchHq } from "../../src/cli/hq_client.ts";
import { connectH3 } from "../../src/client/h3.ts";
import { ConnectError, connect, type QuicClient } from "../../src/client.ts";
import { loadLibrary } from "../../src/native/library.ts";
import type { QuicServer } from "../../src/server.ts";
import type { AppEvent, QuicAppFactory } from "../../src/transport/app.ts";
import { testCertificate } from "../support/certificate.ts";
import {
  newClient,
  optionsTo,
  readAll,
  roundTrip,
  startLocalServer,
  textOf,
} from "../support/client_side.ts";
import { ROOT } from "../support/peer.ts";
import { threadTimes } from "../support/thread_time.ts";

/** A protocol of one class for both roles: each side says its name on a stream of its own. */
class Greeting implements QuicAppFactory {
  readonly heard: string[] = [];
  constructor(readonly name: string) {}
  acceptsAlpn(alpn: string): boolean {
    return alpn === "greeting";
  }
  async spawnApp(...[, handle, events]: Parameters<QuicAppFactory["spawnApp"]>): Promise<void> {
    const send = await handle.openUnidirectional();
    await send.write(new TextEncoder().encode(this.name), true);
    for await (const event of events) {
      if (event.type === "NewStream") this.heard.push(textOf(await readAll(event.receive)));
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), "quicd-client-"));
const body = crypto.getRandomValues(new Uint8Array(60_000));
const serverGreeting = new Greeting("server");
let server: QuicServer;
let client: QuicClient;

beforeAll(async () => {
  writeFileSync(join(folder, "file.bin"), body);
  server = await startLocalServer({
    folder,
    apps: { greeting: serverGreeting },
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/slow") await Bun.sleep(100);
      if (pathname === "/drip") return new Response(drip());
      const given = await request.text();
      const fields = {
        "x-method": request.method,
        "x-given": request.headers.get("x-given") ?? "",
      };
      return new Response(`${pathname} ${given.length}`, { status: 207, headers: fields });
    },
  });
  client = newClient();
});

afterAll(async () => {
  await client?.close();
  await server?.stop();
  rmSync(folder, { recursive: true });
});

async function* drip() {
  for (let i = 0; ; i++) {
    yield `${i}\n`;
    await Bun.sleep(5);
  }
}

const origin = () => `https://localhost:${server.port}`;
const h3To = () => {
  const { tls } = optionsTo(server, "h3");
  return connectH3({ url: origin(), client, ...(tls === undefined ? {} : { tls }) });
};

describe("protocols", () => {
  test("echo: streams and datagrams, read from the connection's events", async () => {
    await using connection = await client.connect(optionsTo(server, "echo"));
    expect(await roundTrip(connection, body)).toEqual(Buffer.from(body));
    expect(typeof connection.sendDatagram(new TextEncoder().encode("ping"))).toBe("number");
    const seen: AppEvent["type"][] = [];
    for await (const event of connection.events) {
      seen.push(event.type);
      if (event.type !== "Datagram") continue;
      expect(textOf(event.chunk.bytes())).toBe("ping");
      event.chunk.release();
      break;
    }
    expect(seen[0]).toBe("HandshakeCompleted");
    expect(connection).toMatchObject({ alpn: "echo", resumed: false, early: false, open: true });
    expect(connection.stats().receivedBytes).toBeGreaterThan(body.length);
  });

  test("hq-interop", async () => {
    await using connection = await client.connect(optionsTo(server, "hq-interop"));
    expect(await readAll(fetchHq(connection, "/file.bin"))).toEqual(Buffer.from(body));
    await expect(readAll(fetchHq(connection, "/absent"))).rejects.toThrow("code 0x404");
  });

  test("one class of a protocol serves both roles", async () => {
    const ours = new Greeting("client");
    const connection = await client.connect(optionsTo(server, "greeting", { app: ours }));
    while (ours.heard.length === 0 || serverGreeting.heard.length === 0) await Bun.sleep(1);
    connection.close();
    expect([ours.heard, serverGreeting.heard]).toEqual([["server"], ["client"]]);
    expect(await connection.closed).toMatchObject({ by: "local", application: true, code: 0 });
  });

  test("the first of the client's list that the server has", async () => {
    const options = optionsTo(server, "echo", { alpn: ["nobody-has-it", "echo", "h3"] });
    await using connection = await client.connect(options);
    expect(connection.alpn).toBe("echo");
  });
});

describe("HTTP/3", () => {
  test("methods, fields, content both ways, many at once", async () => {
    await using h3 = await h3To();
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const init = { method: "PUT", body: "x".repeat(i * 1000), headers: { "X-Given": `${i}` } };
        const answer = await h3.fetch(`/${i}`, init);
        return [answer.status, answer.headers.get("x-given"), await answer.text()];
      }),
    );
    expect(answers).toEqual(answers.map((_, i) => [207, `${i}`, `/${i} ${i * 1000}`]));
    expect(h3.openRequests).toBe(0);
  });

  test("a real Response, streamed: what is not wanted is cancelled", async () => {
    await using h3 = await h3To();
    const answer = await h3.fetch(new Request(`${origin()}/drip`));
    expect(answer).toBeInstanceOf(Response);
    expect(answer.url).toBe(`${origin()}/drip`);
    const reader = answer.body!.getReader();
    expect(textOf((await reader.read()).value!)).toStartWith("0\n");
    await reader.cancel();
    expect(h3.openRequests).toBe(0);
  });

  test("HEAD, streamed requests, aborts, and what is refused at once", async () => {
    await using h3 = await h3To();
    const head = await h3.fetch("/x", { method: "HEAD" });
    expect([head.headers.get("x-method"), await head.text()]).toEqual(["HEAD", ""]);
    const streamed = new Request(`${origin()}/up`, {
      method: "POST",
      body: new ReadableStream({
        start(controller) {
          for (let i = 0; i < 10; i++) controller.enqueue(body.slice(0, 10_000));
          controller.close();
        },
      }),
    });
    expect(await (await h3.fetch(streamed)).text()).toMatch(/^\/up \d+$/);
    const late = h3.fetch("/slow", { signal: AbortSignal.timeout(20) });
    await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
    await expect(h3.fetch("https://example.org/")).rejects.toThrow("which is connected to");
  });

  test("a server that stops lets requests finish and takes no more", async () => {
    const stopping = await startLocalServer({
      fetch: async () => {
        await Bun.sleep(150);
        return new Response("late but whole");
      },
    });
    const { tls } = optionsTo(stopping, "h3");
    const h3 = await connectH3({ url: `https://localhost:${stopping.port}`, client, tls: tls! });
    const answer = h3.fetch("/").then((response) => response.text());
    await Bun.sleep(50);
    const stopped = stopping.stop();
    expect(await answer).toBe("late but whole");
    expect(await h3.connection.closed).toMatchObject({ code: 0x100 });
    await expect(h3.fetch("/")).rejects.toThrow(/going away|connection ended/);
    await stopped;
  });
});

describe("refused, in words", () => {
  const refusal = async (more: Parameters<typeof optionsTo>[2]) => {
    const error = await client.connect(optionsTo(server, "echo", more)).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConnectError);
    return error as ConnectError;
  };

  test("a certificate that nobody vouches for", async () => {
    const error = await refusal({ tls: {} });
    expect(error).toMatchObject({ reason: "certificate", by: "local", alert: 48, code: 0x130 });
    expect(error.message).toContain(`localhost:${server.port} (127.0.0.1): the server's`);
    expect(error.message).toEndWith("unknown CA): self signed certificate");
  });

  test("a certificate of another name", async () => {
    const { certPath } = testCertificate();
    const error = await refusal({ tls: { ca: certPath, serverName: "example.org" } });
    expect(error).toMatchObject({ reason: "certificate", by: "local" });
    expect(error.message).toContain("certificate is of another name");
    expect(error.message).toEndWith("Hostname mismatch");
  });

  test("an address that the certificate is not for", async () => {
    const own = await startLocalServer({ engine: { host: "127.0.0.2" } });
    const error = await refusal({ host: "127.0.0.2", port: own.port });
    expect(error).toMatchObject({ reason: "certificate", by: "local" });
    expect(error.message).toEndWith("IP address mismatch");
    const trusted = optionsTo(server, "echo", { host: "127.0.0.1" });
    await using connection = await client.connect(trusted);
    expect(connection.serverName).toBe("");
    await own.stop(true);
  });

  test("no common protocol", async () => {
    const error = await refusal({ alpn: ["nobody-has-it", "nor-this"] });
    expect(error).toMatchObject({ reason: "alpn", by: "peer", alert: 120 });
  });

  test("nobody there: the time is over", async () => {
    const silent = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
    const error = await refusal({ port: silent.port, handshakeTimeoutMs: 300 });
    silent.close();
    expect(error).toMatchObject({ reason: "timeout", by: "timeout" });
    expect(error.message).toContain("no answer within 300 ms");
  });

  test("a name without an address", async () => {
    const error = await refusal({ host: "no-such-host.invalid" });
    expect(error.message).toContain('there is no address for "no-such-host.invalid"');
  });

  test("no check at all, where that is asked for", async () => {
    const options = optionsTo(server, "echo", { host: "127.0.0.1", tls: { verify: false } });
    await using connection = await client.connect(options);
    expect(textOf(await roundTrip(connection, "x"))).toBe("x");
  });

  test("an abort before, during and after", async () => {
    const reason = new Error("changed my mind");
    const before = AbortSignal.abort(reason);
    const options = optionsTo(server, "echo", { signal: before });
    await expect(client.connect(options)).rejects.toBe(reason);
    const controller = new AbortController();
    const during = client.connect(
      optionsTo(server, "echo", { signal: controller.signal, port: 9 }),
    );
    setTimeout(() => controller.abort(reason), 30);
    await expect(during).rejects.toBe(reason);
    const late = new AbortController();
    await using connection = await client.connect(
      optionsTo(server, "echo", { signal: late.signal }),
    );
    late.abort(reason);
    expect(textOf(await roundTrip(connection, "still here"))).toBe("still here");
  });
});

test("a hundred at once, each its own", async () => {
  const options = optionsTo(server, "echo");
  const all = await Promise.all(Array.from({ length: 100 }, () => client.connect(options)));
  const texts = await Promise.all(all.map(async (one, i) => textOf(await roundTrip(one, `${i}`))));
  expect(texts).toEqual(texts.map((_, i) => `${i}`));
  await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
});

test("the server's close is told with code and reason, to streams too", async () => {
  const rude: QuicAppFactory = {
    acceptsAlpn: () => true,
    async spawnApp(_alpn, handle, events) {
      for await (const event of events) {
        if (event.type === "NewStream") handle.close(42, "enough of this");
      }
    },
  };
  const own = await startLocalServer({ apps: { rude } });
  const connection = await client.connect(optionsTo(own, "rude"));
  await expect(roundTrip(connection, "hello")).rejects.toThrow("connection-closed");
  const info = { by: "peer", application: true, code: 42, reason: "enough of this" } as const;
  expect(await connection.closed).toEqual(info);
  const seen: AppEvent[] = [];
  for await (const event of connection.events) seen.push(event);
  expect(seen.at(-1)).toEqual({ type: "ConnectionClosing", info });
  await own.stop();
});

describe("the process", () => {
  const run = async (program: string) => {
    const path = join(folder, `${Bun.hash(program)}.ts`);
    const { certPath } = testCertificate();
    const options = { host: "localhost", port: server.port, alpn: "echo", tls: { ca: certPath } };
    const head = `import { connect } from ${JSON.stringify(join(ROOT, "src/index.ts"))};
const options = ${JSON.stringify(options)};\n`;
    writeFileSync(path, head + program);
    const child = Bun.spawn([process.execPath, path], { stdout: "pipe", stderr: "pipe" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    clearTimeout(timer);
    return [await child.exited, out, err];
  };

  test("ends when no connection is left, without a word", async () => {
    const program = `const c = await connect(options); c.close(); console.log(await c.closed);`;
    const [code, out, err] = await run(program);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain('by: "local"');
  });

  test("lives as long as a connection is open", async () => {
    const program = `const c = await connect(options);
setTimeout(() => c.close(), 400).unref(); process.on("exit", () => console.log(c.open));`;
    expect(await run(program)).toEqual([0, "false\n", ""]);
  });
});

test("a Worker that is terminated with open connections leaves nothing behind", async () => {
  const path = join(folder, "worker.ts");
  const index = JSON.stringify(join(ROOT, "src/index.ts"));
  writeFileSync(
    path,
    `import { connect } from ${index};
self.onmessage = async ({ data: options }) => {
  const open = await Promise.all([1, 2, 3].map(() => connect(options)));
  // Before its handshake is confirmed a client's close may come too early (RFC 9000 §10.2.3).
  for (const connection of open) {
    const { send, receive } = await connection.openBidirectional();
    await send.write(new Uint8Array(9), true);
    for await (const chunk of receive) void chunk;
  }
  await Bun.sleep(100);
  globalThis.kept = open;
  self.postMessage(open.length);
};`,
  );
  const { memory } = loadLibrary().addon;
  // Workers, native and JavaScript's. Bun's own helpers come when it finds it needs them.
  const threads = () =>
    [...threadTimes(process.pid).values()].filter(({ name }) => /^(quicd-|Worker)/.test(name));
  const connections = server.connections;
  const cycle = async () => {
    const worker = new Worker(path);
    worker.postMessage(optionsTo(server, "echo"));
    const opened = await new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    });
    expect(opened).toBe(3);
    const gone = new Promise((resolve) => worker.addEventListener("close", resolve));
    worker.terminate();
    await gone;
    while (server.connections > connections) await Bun.sleep(5);
  };
  await cycle();
  await Bun.sleep(200);
  const before = { threads: threads().length, objects: memory().liveObjects };
  expect(before.threads).toBeGreaterThan(0);
  for (let i = 0; i < 3; i++) await cycle();
  const deadline = performance.now() + 10_000;
  const settled = () => threads().length <= before.threads;
  while (!settled() && performance.now() < deadline) await Bun.sleep(20);
  expect(threads().length).toBeLessThanOrEqual(before.threads);
  expect(memory().liveObjects).toBeLessThan(before.objects + 200);
});

test("beside a server in the same process, and through the shared client", async () => {
  await using connection = await connect(optionsTo(server, "echo"));
  expect(textOf(await roundTrip(connection, "hello"))).toBe("hello");
});
