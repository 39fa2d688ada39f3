/**
 * The configuration as a user meets it: which source wins, and the text of each mistake.
 *
 * The texts are snapshots on purpose: they are part of the interface.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { optionsOf, sections } from "../src/config/schema.ts";
import { chooseWorkers, countCpus, usableCpus } from "../src/config/workers.ts";
import { ConfigError, loadConfig } from "../src/config.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-config-"));
const path = join(folder, "config.toml");
afterAll(() => rmSync(folder, { recursive: true }));

interface Given {
  toml?: string;
  env?: Record<string, string>;
  flags?: [section: string, option: string, origin: string, text: string][];
}

function load({ toml, env = {}, flags = [] }: Given) {
  if (toml !== undefined) writeFileSync(path, toml);
  return loadConfig({
    path: toml === undefined ? "" : path,
    env,
    flags: flags.map(([section, option, origin, text]) => ({ section, option, origin, text })),
  });
}

function complaint(given: Given): string {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "no complaint";
}

describe("sources", () => {
  const toml = "[netio]\nport = 1\n[http]\nlog = false";
  const env = { QUICD_NETIO_PORT: "2" };

  test("nothing given: the defaults", () => {
    const { netio, apps } = load({});
    expect(netio.port).toBe(4433);
    expect(apps.alpn).toEqual(["h3", "h3-29", "hq-interop", "echo"]);
  });

  test("file < environment < flags, option by option", () => {
    const flags: Given["flags"] = [
      ["netio", "port", "--port", "3"],
      ["netio", "port", "--port", "4"],
    ];
    expect(load({ toml }).netio.port).toBe(1);
    expect(load({ toml, env }).netio.port).toBe(2);
    expect(load({ toml, env, flags }).netio.port).toBe(4);
    expect(load({ toml, env, flags }).http.log).toBe(false);
    expect(load({ toml, env }).netio.gro).toBe(true);
  });

  test("what the app module wishes for gives way to everything else", () => {
    const app = [{ section: "netio", option: "port", origin: "app.ts", text: "9" }];
    writeFileSync(path, toml);
    expect(loadConfig({ path: "", env: {}, flags: [], app }).netio.port).toBe(9);
    expect(loadConfig({ path, env: {}, flags: [], app }).netio.port).toBe(1);
  });

  test("text becomes the option's type", () => {
    const { netio, apps, http } = load({
      env: {
        QUICD_NETIO_WORKERS: "4",
        QUICD_NETIO_PIN: "false",
        QUICD_APPS_ALPN: "h3, echo",
        QUICD_HTTP_INDEX: "1",
        QUICD_DEBUG_LEASES: "1",
        QUICDNETIO: "x",
      },
    });
    expect(netio).toMatchObject({ workers: 4, pin: false });
    expect(apps.alpn).toEqual(["h3", "echo"]);
    expect(http.index).toBe("1");
  });

  test("relative paths start at the file, or at the working directory", () => {
    expect(load({ toml: '[http]\nroot = "www"' }).http.root).toBe(join(folder, "www"));
    expect(load({ env: { QUICD_HTTP_ROOT: "www" } }).http.root).toBe(resolve("www"));
  });

  test("every option can be set by its variable", () => {
    for (const section of Object.keys(sections)) {
      for (const option of optionsOf(section)?.keys() ?? []) {
        const name = `QUICD_${section}_${option}`.toUpperCase();
        /* A value that no option takes: naming the option proves that it was reached. */
        const text = complaint({ env: { [name]: "\n" } });
        expect(text).toStartWith(`${name}: ${section}.${option} = `);
      }
    }
  });
});

describe("mistakes", () => {
  test.each<[name: string, given: Given]>([
    ["a misspelt option", { toml: "[netio]\nwokers = 2" }],
    ["an option of another section", { toml: "[quic]\nport = 2" }],
    ["an option without a section", { toml: "port = 2" }],
    ["an option like no other", { toml: "[apps]\nfrobnicate = 2" }],
    ["a misspelt section", { toml: "[limit]\nconnections = 2" }],
    ["a section that is a value", { toml: "netio = 3" }],
    ["a section that is a list", { toml: "[[netio]]\nport = 3" }],
    ["numbers out of range", { toml: "[netio]\nport = 65536\nworkers = 0\nrx_pool_bytes = 1" }],
    ["a fraction", { toml: "[quic]\nidle_timeout_ms = 30.5" }],
    ["text for a number", { toml: '[quic]\nidle_timeout_ms = "30s"' }],
    ["no power of two", { toml: "[limits]\nring_capacity = 5000" }],
    ["a name that is none of the choices", { toml: '[netio]\nbackend = "uring"' }],
    ["a routing that does not exist", { toml: '[netio]\nrouting = "bpf"' }],
    ["a host name", { toml: '[netio]\nhost = "example.com"' }],
    ["a protocol twice", { toml: '[apps]\nalpn = ["h3", "h3"]' }],
    ["a protocol that is not there", { toml: '[apps]\nalpn = ["h3", "moq"]' }],
    ["a folder as index", { toml: '[http]\nindex = "../index.html"' }],
    ["a certificate without key", { toml: '[tls]\ncert = "cert.pem"' }],
    ["windows that cannot be", { toml: "[quic]\nstream_window_bytes = 5_000_000" }],
    ["events that starve others", { toml: "[limits]\nconnection_events = 2000" }],
    ["several at once", { toml: "[netio]\nport = -1\n\n[quik]\n[tls]\nkeylog = 1" }],
    ["a variable", { env: { QUICD_NETIO_PORT: "http" } }],
    ["a misspelt variable", { env: { QUICD_NETIO_PROT: "443" } }],
    ["a flag", { flags: [["netio", "port", "--port", "99999"]] }],
    ["no TOML", { toml: "[netio]\nport = = 3" }],
    ["an option twice", { toml: "[netio]\nport = 1\nport = 2" }],
  ])("%s", (_, given) => {
    expect(complaint(given)).toMatchSnapshot();
  });

  test("the place of a value in the file outlives a variable that wins over another", () => {
    const text = complaint({
      toml: "[netio]\n\n\nport = -1\nworkers = -1",
      env: { QUICD_NETIO_PORT: "1" },
    });
    expect(text).toStartWith("config.toml:5: netio.workers = -1");
  });

  test("the contents of a key are never repeated", () => {
    const pem = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----";
    const text = complaint({ env: { QUICD_TLS_KEY: pem, QUICD_TLS_SECRET: "c2VjcmV0" } });
    expect(text).not.toContain("c2VjcmV0");
    expect(text).toContain("not its contents");
    expect(text).toContain("secret_file");
  });

  test("a file that is not there", () => {
    const read = () => loadConfig({ path: join(folder, "absent.toml"), env: {}, flags: [] });
    expect(read).toThrow("cannot read the configuration: ENOENT");
  });
});

describe("config.toml", () => {
  const shipped = resolve(import.meta.dir, "../config.toml");

  test("is right, and has every option but the routing at its default", () => {
    const config = loadConfig({ path: shipped, env: {}, flags: [] });
    const defaults = load({});
    expect(config.http.root).toBe(resolve(shipped, "../public"));
    expect(config.netio.routing).toBe("ebpf");
    const netio = { ...config.netio, routing: defaults.netio.routing };
    expect({ ...config, netio, http: { ...config.http, root: "" } }).toEqual(defaults);
  });

  test("names every option once", async () => {
    const text = await Bun.file(shipped).text();
    const named = [...text.matchAll(/^(\w+) = /gm)].map((match) => match[1]);
    const known = Object.keys(sections).flatMap((name) => [...(optionsOf(name)?.keys() ?? [])]);
    expect(named.toSorted()).toEqual(known.toSorted());
  });
});

describe("workers", () => {
  test.each([
    ["0", 1],
    ["0-3", 4],
    ["0-3,8,10-11", 7],
  ])("the CPU list %s has %i", (list, count) => {
    expect(countCpus(list)).toBe(count);
  });

  test("this process may use at least one CPU", () => {
    expect(usableCpus()).toBeGreaterThanOrEqual(1);
  });

  test.each([
    ["auto", "auto", 1, 2, false],
    ["auto", "auto", 2, 2, true],
    ["auto", "auto", 128, 64, true],
    [1, "auto", 1, 1, true],
    [4, "auto", 2, 4, false],
    [4, true, 2, 4, true],
    [1, false, 2, 1, false],
  ] as const)(
    "workers %p, pin %p on %i CPUs: %i, pinned %p",
    (workers, pin, cpus, count, pinned) => {
      expect(chooseWorkers({ workers, pin }, cpus)).toEqual({ workers: count, pin: pinned });
    },
  );
});
