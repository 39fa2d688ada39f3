/**
 * In a container of Docker as it is by default: io_uring and bpf(2) are refused, and the server
 * starts, says what it does instead and why, and serves.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { asContainer, noContainer } from "../support/confinement.ts";
import { type Fixture, hashFile, makeFixture } from "../support/fixture.ts";
import { curl, peerMissing, skipReason } from "../support/peer.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

/** `protocol` is too new for the types. */
interface Http3Init extends RequestInit {
  protocol: "http3";
  tls: { rejectUnauthorized: boolean };
}

function get(url: string): Promise<Response> {
  const init: Http3Init = { protocol: "http3", tls: { rejectUnauthorized: false } };
  return fetch(url, init);
}

/** What system calls answered: name to "ok" or the name of an error. */
function probe(...flags: string[]): Record<string, string> {
  const { stdout } = Bun.spawnSync([...asContainer(), ...flags, "--probe"]);
  const lines = stdout.toString().trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(" ") as [string, string]));
}

const REFUSED = {
  ...{ bpf: "EPERM", io_uring_setup: "EPERM", io_uring_enter: "EPERM", keyctl: "EPERM" },
  ...{ clone3: "ENOSYS", clone_newuser: "EPERM", unshare: "EPERM", newer: "ENOSYS" },
  ...{ personality_odd: "EPERM", socket_vsock: "EPERM" },
};
const ALLOWED = {
  ...{ clone_thread: "EINVAL", personality_ask: "ok", ptrace: "ESRCH", getppid: "ok" },
  ...{ socket_inet: "ok", socket_netlink: "ok" },
};

/** Where these tests are in a container themselves there is nothing to compare with. */
function refusedAnyway(): string | null {
  if (!/^Seccomp:\t0$/m.test(readFileSync("/proc/self/status", "utf8"))) {
    return "the tests run under a seccomp filter themselves";
  }
  const path = "/proc/sys/kernel/io_uring_disabled";
  const disabled = existsSync(path) && readFileSync(path, "utf8").trim() !== "0";
  return disabled ? "sysctl kernel.io_uring_disabled is on" : null;
}

describe.skipIf(skipReason(noContainer()))("Docker's default seccomp profile", () => {
  let fixture: Fixture;
  let server: ServerProcess | null = null;
  beforeAll(async () => {
    fixture = makeFixture("seccomp", [0, 1, 1200, 70_000, 5_000_000]);
    server = await ServerProcess.start({
      ...{ target: fixture.folder, workers: 2, through: asContainer() },
    });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
  });

  test("the filter is on: it refuses what it should, and nothing else", () => {
    expect(probe()).toEqual({ ...REFUSED, ...ALLOWED });
  });

  test.skipIf(skipReason(refusedAnyway()))("without it the answers are others", () => {
    const bare = probe("--bare");
    expect(bare).toMatchObject(ALLOWED);
    expect(Object.keys(bare).sort()).toEqual(Object.keys({ ...REFUSED, ...ALLOWED }).sort());
    const { newer, ...refused } = REFUSED;
    for (const [name, error] of Object.entries(refused)) expect(bare[name]).not.toBe(error);
    // Numbers that this kernel does not know either: here it is the same.
    expect(bare.newer).toBe(newer);
  });

  test("the server runs under it, with the capabilities of a container", () => {
    const status = readFileSync(`/proc/${server!.pid}/status`, "utf8");
    for (const line of ["Seccomp:\t2", "NoNewPrivs:\t1"]) expect(status).toContain(`${line}\n`);
    // What Docker gives to root, to the bit; other users have nothing.
    const effective = process.getuid?.() === 0 ? "00000000a80425fb" : "0000000000000000";
    expect(status).toContain(`CapEff:\t${effective}\n`);
  });

  test("the banner says what was chosen, and why", () => {
    const { log } = server!;
    expect(log).toMatch(/^ {2}backend +syscalls; .*io_uring.*seccomp/m);
    expect(log).toMatch(/^ {2}routing +forward/m);
    const reasons = log.match(/^ {2}warning +routing "ebpf" needs CAP_BPF.*seccomp/gm);
    expect(reasons?.length).toBe(1);
  });

  test("serves Bun's client, all files at once", async () => {
    await Promise.all(
      fixture.files.map(async (file) => {
        const body = await (await get(`${server!.url}/${file.name}`)).arrayBuffer();
        expect(new Bun.CryptoHasher("sha256").update(body).digest("hex")).toBe(file.sha256);
      }),
    );
  });

  test.skipIf(peerMissing("curl"))("serves curl", async () => {
    using folder = new TemporaryFolder();
    for (const file of fixture.files) {
      const into = folder.join("out");
      const outcome = await curl(
        "-o",
        into,
        "-w",
        "%{http_version}",
        `${server!.url}/${file.name}`,
      );
      expect([outcome.stdout, outcome.stderr]).toEqual(["3", ""]);
      expect(await hashFile(into)).toBe(file.sha256);
    }
  });

  test.each([
    [["--backend", "io_uring"], "seccomp", 'backend "syscalls"'],
    [["--routing", "ebpf"], "CAP_BPF", 'routing "forward"'],
  ])("%p is an error with cause and remedy", async (flags, cause, remedy) => {
    const through = asContainer();
    const start = ServerProcess.start({ target: fixture.folder, workers: 2, through, flags });
    const said = await start.then(
      () => "it started",
      (error: Error) => error.message,
    );
    expect(said).toStartWith("the server ended with 1:");
    for (const word of [cause, remedy]) expect(said).toContain(word);
    expect(said).not.toContain("    at ");
  });
});
