/** What is served, and with which configuration: apps of every shape that `Bun.serve` takes. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArguments } from "../../src/cli/arguments.ts";
import { engineOptions } from "../../src/cli/engine_options.ts";
import { chooseSubject } from "../../src/cli/subject.ts";
import { configSchema, optionsOf, sections } from "../../src/config/schema.ts";
import { loadConfig } from "../../src/config.ts";
import type { EngineOptions } from "../../src/native/addon.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-subject-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "www"));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function choose(args: string[], env: Record<string, string> = {}) {
  const invocation = parseArguments(args);
  if (invocation.command !== "serve") throw new Error("not serve");
  return await chooseSubject(invocation, env);
}

const REACHED: [option: string, text: string, field: keyof EngineOptions, value: unknown][] = [
  ["netio.host", "::1", "host", "::1"],
  ["netio.port", "0", "port", 0],
  ["netio.preferred_ipv4", "192.0.2.7:4434", "preferredIpv4", "192.0.2.7:4434"],
  ["netio.preferred_ipv6", "[2001:db8::7]:4434", "preferredIpv6", "[2001:db8::7]:4434"],
  ["netio.backend", "syscalls", "backend", "syscalls"],
  ["netio.gro", "false", "gro", false],
  ["netio.gso", "false", "gso", false],
  ["netio.rx_pool_bytes", "1048576", "receivePoolBytes", 1048576],
  ["netio.socket_buffer_bytes", "1048576", "socketBufferBytes", 1048576],
  ["quic.idle_timeout_ms", "1000", "maxIdleTimeoutMs", 1000],
  ["quic.handshake_timeout_ms", "1000", "handshakeTimeoutMs", 1000],
  ["quic.initial_rtt_ms", "50", "initialRttMs", 50],
  ["quic.max_udp_payload_bytes", "1200", "maxUdpPayloadBytes", 1200],
  ["quic.connection_window_bytes", "8388608", "connectionWindowBytes", 8388608],
  ["quic.stream_window_bytes", "65536", "streamWindowBytes", 65536],
  ["quic.streams_bidi", "7", "streamsBidi", 7],
  ["quic.streams_uni", "7", "streamsUni", 7],
  ["quic.cid_limit", "7", "activeConnectionIdLimit", 7],
  ["quic.congestion", "bbr2", "congestion", "bbr2"],
  ["quic.pacing", "false", "pacing", false],
  ["quic.path_mtu_discovery", "true", "pathMtuDiscovery", true],
  ["quic.ecn", "false", "ecn", false],
  ["quic.early_data", "true", "earlyData", true],
  ["quic.retry", "always", "retry", "always"],
  ["quic.version", "v2", "version", "v2"],
  ["netio.routing", "forward", "routing", "forward"],
  ["limits.connections", "7", "connections", 7],
  ["limits.prefix_retry", "7", "prefixRetry", 7],
  ["limits.prefix_max", "7", "prefixMax", 7],
  ["limits.handshake_rate", "7", "handshakeRate", 7],
  ["limits.worker_memory_bytes", "0", "workerMemoryBytes", 0],
  ["limits.connection_memory_bytes", "65536", "connectionMemoryBytes", 65536],
  ["limits.ring_capacity", "16384", "ringCapacity", 16384],
  ["limits.connection_events", "512", "connectionEvents", 512],
  ["limits.stream_chunks", "7", "streamChunks", 7],
  ["limits.datagram_queue", "0", "datagramQueue", 0],
  ["tls.ciphers", "TLS_AES_128_GCM_SHA256", "ciphers", ["TLS_AES_128_GCM_SHA256"]],
  ["tls.keylog", "/keys.log", "keylogPath", "/keys.log"],
  ["telemetry.qlog", "/logs", "qlogDirectory", "/logs"],
  ["telemetry.qlog_level", "extra", "qlogLevel", "extra"],
  ["telemetry.qlog_every", "10", "qlogEvery", 10],
  ["telemetry.qlog_alpn", "h3", "qlogAlpn", "h3"],
  ["telemetry.qlog_id", "3f", "qlogId", "3f"],
  ["telemetry.qlog_file_bytes", "100000", "qlogFileBytes", 100_000],
  ["telemetry.qlog_directory_bytes", "20000000", "qlogDirectoryBytes", 20_000_000],
  ["telemetry.qlog_files", "5", "qlogFiles", 5],
  ["apps.threads", "4", "apps", 4],
];

const REQUEST = new Request("https://localhost/");

describe("an app", () => {
  test.each([
    ["an object", "export default { fetch: () => new Response('hi') }"],
    [
      "a class",
      "class App { #x = 'hi'; fetch() { return new Response(this.#x) } }\nexport default new App()",
    ],
    ["a callable", "export default Object.assign(() => 0, { fetch: () => new Response('hi') })"],
    ["an exported function", "export const fetch = () => new Response('hi')"],
  ])("as %s answers", async (name, text) => {
    const path = write(`${name.replaceAll(" ", "_")}.ts`, text);
    const { app, name: shown, folder: served } = await choose(["serve", path]);
    expect(await (await app?.module.fetch(REQUEST))?.text()).toBe("hi");
    expect([shown, served]).toEqual([path, ""]);
  });

  test("of a framework answers", async () => {
    const { app } = await choose(["serve", join(import.meta.dir, "hono_app.ts")]);
    const request = new Request("https://localhost/hello/bun");
    expect(await (await app?.module.fetch(request))?.text()).toBe("hello bun");
  });

  test("gets the server behind the request, and may answer errors", async () => {
    const path = write(
      "error.ts",
      `export default {
        fetch: (request, server) => new Response(server.name),
        error: (thrown) => new Response(thrown.message),
      }`,
    );
    const { app } = await choose(["serve", path]);
    expect(await (await app?.module.fetch(REQUEST, { name: "x" }))?.text()).toBe("x");
    expect(await (await app?.module.error?.(new Error("y")))?.text()).toBe("y");
  });

  test("wishes for a port, and yields to everyone else's", async () => {
    const path = write("port.ts", "export default { port: 81, hostname: '::1', fetch() {} }");
    const config = write("port.toml", "[netio]\nport = 82");
    const { netio } = (await choose(["serve", path])).config;
    expect([netio.port, netio.host]).toEqual([81, "::1"]);
    const portOf = async (args: string[], env = {}) => (await choose(args, env)).config.netio.port;
    expect(await portOf(["serve", path, "--config", config])).toBe(82);
    expect(await portOf(["serve", path], { QUICD_NETIO_PORT: "83" })).toBe(83);
    expect(await portOf(["serve", path, "--port=84"], { QUICD_NETIO_PORT: "83" })).toBe(84);
  });

  test.each([
    ["exports nothing", "export {}", "exports no fetch function"],
    ["exports something else", "export default { fetch: 1 }", "exports no fetch function"],
    ["throws", "throw new Error('own bug')", "own bug"],
    ["does not parse", "export default {", "failed while it was imported"],
    ["wishes for a wrong port", "export default { port: -1, fetch() {} }", "netio.port = -1"],
  ])("that %s is refused", async (name, text, reason) => {
    const path = write(`refused_${name.replaceAll(" ", "_")}.ts`, text);
    await expect(choose(["serve", path])).rejects.toThrow(reason);
  });

  test("does not run when the configuration is wrong", async () => {
    const path = write(
      "side_effect.ts",
      "globalThis.sideEffect = 1; export default { fetch() {} }",
    );
    await expect(choose(["serve", path, "--port=x"])).rejects.toThrow("netio.port");
    expect("sideEffect" in globalThis).toBe(false);
  });
});

describe("a folder", () => {
  test("is the one named, else the configured one, else ./public", async () => {
    const config = write("root.toml", '[http]\nroot = "www"');
    expect((await choose(["serve", folder, "--config", config])).folder).toBe(folder);
    expect((await choose(["--config", config])).folder).toBe(join(folder, "www"));
    expect((await choose(["serve"])).folder).toBe(resolve("public"));
  });

  test("that is missing is named", async () => {
    await expect(choose(["serve", join(folder, "absent")])).rejects.toThrow("cannot serve");
    const config = write("absent.toml", '[http]\nroot = "absent"');
    await expect(choose(["--config", config])).rejects.toThrow("http.root: there is no directory");
  });
});

describe("engine options", () => {
  const certificate = { certificatePem: "c", privateKeyPem: "k" };
  const resolved = {
    workers: 3,
    pin: true,
    certificate,
    secret: null,
    ticketKeys: null,
    alpns: ["h3"],
  };

  test("the defaults", () => {
    const config = loadConfig({ path: "", env: {}, flags: [] });
    const options = engineOptions(config, resolved);
    expect({ ...options, earlyContext: options.earlyContext?.toHex() }).toMatchInlineSnapshot(`
      {
        "activeConnectionIdLimit": 8,
        "alpn": [
          "h3",
        ],
        "apps": 1,
        "backend": "auto",
        "certificatePem": "c",
        "ciphers": [],
        "congestion": "cubic",
        "connectionEvents": 1024,
        "connectionMemoryBytes": 16777216,
        "connectionWindowBytes": 4194304,
        "connections": 4096,
        "datagramQueue": 256,
        "earlyContext": "b032daf78aae7636b099dab3ec88ba2e237fbe9a9cb8e89bc22c2cc6df94daca",
        "earlyData": false,
        "ecn": true,
        "forwarding": true,
        "gro": true,
        "gso": true,
        "handshakeRate": 0,
        "handshakeTimeoutMs": 10000,
        "host": "::",
        "initialRttMs": 333,
        "keylogPath": "",
        "maxIdleTimeoutMs": 30000,
        "maxUdpPayloadBytes": 1350,
        "pacing": true,
        "pathMtuDiscovery": false,
        "pin": true,
        "port": 4433,
        "preferredIpv4": "",
        "preferredIpv6": "",
        "prefixMax": 0,
        "prefixRetry": 0,
        "privateKeyPem": "k",
        "qlogAlpn": "",
        "qlogDirectory": "",
        "qlogDirectoryBytes": 1073741824,
        "qlogEvery": 1,
        "qlogFileBytes": 16777216,
        "qlogFiles": 1000,
        "qlogId": "",
        "qlogLevel": "base",
        "qlogPeer": "",
        "qlogPeerBits": 0,
        "receivePoolBytes": 16777216,
        "retry": "under-load",
        "ringCapacity": 8192,
        "role": "server",
        "routing": "auto",
        "secret": null,
        "socketBufferBytes": 4194304,
        "streamChunks": 256,
        "streamWindowBytes": 1048576,
        "streamsBidi": 256,
        "streamsUni": 16,
        "ticketKeys": null,
        "version": "any",
        "workerMemoryBytes": 1073741824,
        "workers": 3,
      }
    `);
  });

  test.each<[option: string, text: string, field: keyof EngineOptions, value: unknown]>(REACHED)(
    "%s=%s sets %s alone",
    (option, text, field, value) => {
      const name = `QUICD_${option.replace(".", "_")}`.toUpperCase();
      const config = loadConfig({ path: "", env: { [name]: text }, flags: [] });
      const before = engineOptions(loadConfig({ path: "", env: {}, flags: [] }), resolved);
      expect(engineOptions(config, resolved)).toEqual({ ...before, [field]: value });
      expect(before[field]).not.toEqual(value as never);
    },
  );

  test("every option of [netio], [quic] and [limits] is in the table", () => {
    const known = ["netio", "quic", "limits"].flatMap((section) =>
      [...(optionsOf(section)?.keys() ?? [])].map((option) => `${section}.${option}`),
    );
    /* Resolved elsewhere, from "auto". */
    const elsewhere = ["netio.workers", "netio.pin"];
    const reached = REACHED.map(([option]) => option).filter((option) => known.includes(option));
    expect([...reached, ...elsewhere].toSorted()).toEqual(known.toSorted());
  });

  test("a prefix of addresses is an address and a number of bits", () => {
    const prefix = (qlog_peer: string) => {
      const config = configSchema.parse({ telemetry: { qlog_peer } });
      const { qlogPeer, qlogPeerBits } = engineOptions(config, resolved);
      return [qlogPeer, qlogPeerBits];
    };
    expect(prefix("192.0.2.0/24")).toEqual(["192.0.2.0", 24]);
    expect(prefix("2001:db8::/32")).toEqual(["2001:db8::", 32]);
    expect(prefix("2001:db8::1")).toEqual(["2001:db8::1", 128]);
  });

  test("localhost is an address", () => {
    const env = { QUICD_NETIO_HOST: "localhost" };
    const config = loadConfig({ path: "", env, flags: [] });
    expect(engineOptions(config, resolved).host).toBe("127.0.0.1");
  });
});

test("every section is used", () => {
  expect(Object.keys(sections)).toEqual([
    "netio",
    "quic",
    "tls",
    "apps",
    "http",
    "telemetry",
    "limits",
  ]);
});
