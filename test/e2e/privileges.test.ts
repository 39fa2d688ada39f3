/**
 * What a server needs and gives up: CAP_BPF alone is enough for routing by eBPF, and is gone from
 * every thread once that is set up; without it there is a way that needs nothing.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  asService,
  capabilityLines,
  noBpf,
  noService,
  ServiceFolder,
} from "../support/confinement.ts";
import { type Fixture, makeFixture } from "../support/fixture.ts";
import { ROOT, skipReason } from "../support/peer.ts";
import { type ServerOptions, ServerProcess } from "../support/server_process.ts";

const CAP_BPF = 1n << 39n;
const APP = join(import.meta.dir, "apps/test_app.ts");

/** `protocol` is too new for the types. */
interface Http3Init extends RequestInit {
  protocol: "http3";
  tls: { rejectUnauthorized: boolean };
}

function get(url: string): Promise<Response> {
  const init: Http3Init = { protocol: "http3", tls: { rejectUnauthorized: false } };
  return fetch(url, init);
}

/** Lines of /proc, of all threads, that have the capability. */
function linesWithBpf(pid: number): string[] {
  return capabilityLines(pid).filter((line) => (BigInt(`0x${line.split("\t")[1]}`) & CAP_BPF) > 0n);
}

function warningsIn(banner: string): string[] {
  return banner.split("\n").filter((line) => /^ {2}warning/.test(line));
}

describe.skipIf(skipReason(noService() ?? noBpf()))("privileges", () => {
  let folder: ServiceFolder;
  let fixture: Fixture;
  let server: ServerProcess | null = null;
  beforeAll(() => {
    folder = new ServiceFolder();
    fixture = makeFixture("privileges", [1, 70_000, 1_000_000]);
  });
  afterEach(async () => {
    await server?.stop();
    server = null;
  });
  afterAll(() => folder?.[Symbol.dispose]());

  async function start(capabilities: string[], options: Partial<ServerOptions>) {
    server = await ServerProcess.start({
      target: fixture.folder,
      ...{ workers: 2, developmentCertificate: true },
      ...{ through: asService(...capabilities), env: folder.environment },
      ...options,
    });
    return server;
  }

  async function expectService(from: ServerProcess) {
    await Promise.all(
      fixture.files.map(async (file) => {
        const body = await (await get(`${from.url}/${file.name}`)).arrayBuffer();
        expect(new Bun.CryptoHasher("sha256").update(body).digest("hex")).toBe(file.sha256);
      }),
    );
  }

  test("CAP_BPF alone: routed by eBPF, served, and dropped from every thread", async () => {
    const { pid, log } = await start(["bpf"], { routing: "ebpf" });
    expect(log).toContain("routing     ebpf");
    expect(warningsIn(log).filter((line) => line.includes("CAP_BPF"))).toEqual([]);
    expect(log).toContain(`development certificate (${folder.join("state/quicd")}`);
    expect(capabilityLines(pid).length).toBeGreaterThan(4 * 4);
    expect(linesWithBpf(pid)).toEqual([]);
    await expectService(server!);
    // Threads that came with the work inherit from those that have dropped.
    expect(linesWithBpf(pid)).toEqual([]);
    expect(await server!.stop()).toBe(0);
  });

  test("app threads have none either", async () => {
    const flags = ["--threads", "2"];
    const { pid, url, log } = await start(["bpf"], { target: APP, routing: "ebpf", flags });
    expect(log).toContain("app threads 2");
    expect(await (await get(`${url}/`)).text()).toBe("test app");
    expect(linesWithBpf(pid)).toEqual([]);
  });

  test("what is not used is not dropped: the check above can fail", async () => {
    const { pid } = await start(["bpf"], { routing: "forward" });
    expect(linesWithBpf(pid).length).toBe(capabilityLines(pid).length);
  });

  test("without it ebpf is refused, with the capability and both remedies named", async () => {
    const said = await start([], { routing: "ebpf" }).catch((error: Error) => error.message);
    expect(said).toStartWith("the server ended with 1:");
    expect(said).toContain("needs CAP_BPF");
    for (const remedy of ["AmbientCapabilities=CAP_BPF", '"forward"']) {
      expect(said).toContain(remedy);
    }
    expect(said).not.toContain("    at ");
  });

  test.each([
    ["auto", 1],
    ["forward", 0],
  ])("without it %s serves, with %i warnings", async (routing, warnings) => {
    const { log } = await start([], { routing });
    expect(log).toContain("routing     forward");
    const lines = warningsIn(log).filter((line) => line.includes("CAP_BPF"));
    expect(lines.length).toBe(warnings);
    await expectService(server!);
  });

  async function twoServers(through: string[], routing: string) {
    const command = [...through, process.execPath, join(import.meta.dir, "apps/two_servers.ts")];
    const env = { ...process.env, ...folder.environment, QUICD_FALLBACK: "never" };
    const child = Bun.spawn([...command, routing], { cwd: ROOT, env, stderr: "inherit" });
    return JSON.parse(await child.stdout.text()) as { routing: string; note: string }[];
  }

  test("a process that has dropped it takes the other way for its next server", async () => {
    const [first, second] = await twoServers(asService("bpf"), "auto");
    expect(first).toEqual({ routing: "ebpf", note: "" });
    expect(second?.routing).toBe("forward");
    expect(second?.note).toContain("CAP_BPF");
    const [, refused] = await twoServers(asService("bpf"), "ebpf");
    expect(refused?.routing).toBe("none");
    expect(refused?.note).toContain("CAP_BPF");
  });

  test("root keeps everything, for as many servers as there are", async () => {
    const both = await twoServers([], "ebpf");
    expect(both).toEqual([
      { routing: "ebpf", note: "" },
      { routing: "ebpf", note: "" },
    ]);
  });
});
