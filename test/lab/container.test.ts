/** What runs in a lab's container: what it sees, what it may, how it ends. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "../../interop/cases/case.ts";
import { REPOSITORY } from "../../interop/lab/container.ts";
import type { Lab } from "../../interop/lab/lab.ts";
import { labUnavailable, openLab } from "../../interop/lab/open_lab.ts";
import { seccompLauncher } from "../../interop/lab/seccomp.ts";
import { RunFolder } from "../../interop/runner/run_folder.ts";
import { skipReason } from "../support/peer.ts";
import { TemporaryFolder } from "../support/server_process.ts";

setDefaultTimeout(60_000);
const OPEN_LAB = join(REPOSITORY, "interop/lab/open_lab.ts");
const unavailable = skipReason(labUnavailable());

function options(path: string, role: Role, script: string, confined: boolean) {
  const folder = new RunFolder(path);
  return {
    role,
    command: ["bash", "-c", script],
    environment: { ROLE: role, TESTCASE: "transfer" },
    mounts: {
      www: folder.www(role),
      downloads: folder.downloads(role),
      certificates: folder.certificates,
      logs: folder.logs(role),
    },
    confined,
    outputPath: join(path, `${role}.txt`),
  };
}

describe.skipIf(unavailable)("a container", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(async () => {
    await lab?.close();
  });

  /** What a script said, a line each, and how it ended. */
  async function say(role: Role, script: string, confined = true) {
    using folder = new TemporaryFolder();
    const container = await lab.start(options(folder.path, role, script, confined));
    const code = await container.exited;
    const output = readFileSync(join(folder.path, `${role}.txt`), "utf8");
    return { code, lines: output.trim().split("\n") };
  }

  test("has the runner's names", async () => {
    const script = "getent ahosts server46 | grep STREAM; getent hosts server4 server6 sim";
    const client = await say("client", script);
    expect(client.lines.map((line) => line.split(/\s+/).slice(0, 1).join(""))).toEqual([
      ...["fd00:cafe:cafe:100::100", "193.167.100.100"],
      ...["193.167.100.100", "fd00:cafe:cafe:100::100", "193.167.0.2"],
    ]);
    const server = await say("server", "getent hosts server4 server6 server46 sim");
    expect(server.lines.length).toBe(2);
  });

  test("has routes, real checksums and /logs/qlog after /setup.sh", async () => {
    const script = `/setup.sh && ls -d /logs/qlog && ip -4 route get 193.167.100.100 &&
      ip -6 route get fd00:cafe:cafe:100::100 && ethtool -k eth0 | grep tx-checksumming`;
    const { code, lines } = await say("client", script);
    const said = lines.join("\n");
    expect(code).toBe(0);
    expect(said).toContain("/logs/qlog");
    expect(said).toContain("via 193.167.0.2 dev eth0 src 193.167.0.100");
    expect(said).toContain("via fd00:cafe:cafe::2 dev eth0");
    expect(said).toContain("tx-checksumming: off");
  });

  test("may write where the contract says, and nowhere else", async () => {
    const script = `for place in /www /certs /usr /etc ${REPOSITORY} /downloads /logs /tmp; do
      touch $place/probe 2>/dev/null && echo "$place yes" || echo "$place no"; done`;
    const { lines } = await say("client", script);
    expect(lines).toEqual([
      ...["/www no", "/certs no", "/usr no", "/etc no", `${REPOSITORY} no`],
      ...["/downloads yes", "/logs yes", "/tmp yes"],
    ]);
  });

  test("has the environment that it was given and nothing of ours", async () => {
    const { lines } = await say("client", "env");
    const names = lines.map((line) => line.split("=")[0] ?? "");
    const shell = ["PWD", "SHLVL", "_", "OLDPWD"];
    expect(names.filter((name) => !shell.includes(name)).sort()).toEqual([
      ...["HOME", "PATH", "ROLE", "TESTCASE"],
    ]);
  });

  test("confined is refused what Docker refuses, and has NET_ADMIN", async () => {
    const script = `${seccompLauncher()} --bare --probe; grep CapEff /proc/self/status; ulimit -l`;
    const { lines } = await say("server", script);
    expect(lines).toContain("bpf EPERM");
    expect(lines).toContain("io_uring_setup EPERM");
    // Docker's defaults are 00000000a80425fb; NET_ADMIN is bit 12.
    expect(lines).toContain("CapEff:\t00000000a80435fb");
    expect(Number(lines.at(-1))).toBeLessThanOrEqual(65536);
    const free = await say("server", script, false);
    expect(free.lines).not.toContain("io_uring_setup EPERM");
  });

  test.each([
    ["exit 127", 127],
    ["kill -KILL $$", 137],
  ])("ends as its command does: %s", async (script, code) => {
    expect((await say("client", script)).code).toBe(code);
  });

  test("asked to end, its command hears SIGTERM, and nothing stays", async () => {
    using folder = new TemporaryFolder();
    const script = `trap 'echo asked; exit 5' TERM; (trap '' TERM; sleep 1000.25) & echo started
      while :; do sleep 0.01; done`;
    const container = await lab.start(options(folder.path, "client", script, true));
    const output = () => readFileSync(join(folder.path, "client.txt"), "utf8");
    while (!output().includes("started")) await Bun.sleep(5);
    expect(await container.stop()).toBe(5);
    expect(output()).toMatch(/^started\n(Terminated\n)?asked\n$/);
    expect(processesNamed("sleep 1000.25")).toEqual([]);
  });

  test("wait-for-it waits, and with -s fails when its time has run out", async () => {
    const started = performance.now();
    const { code } = await say("client", "/wait-for-it.sh sim:57832 -s -t 1 -- echo reached");
    expect(code).toBe(1);
    expect(performance.now() - started).toBeGreaterThan(900);
  });
});

describe.skipIf(unavailable)("a lab", () => {
  test("is beside another, and takes everything with it when it is closed", async () => {
    using folder = new TemporaryFolder();
    const labs = await Promise.all([openLab(), openLab()]);
    const holders = labs.flatMap((lab) => Object.values(lab.holders));
    expect(new Set(holders).size).toBe(6);
    for (const [i, lab] of labs.entries()) {
      await lab.start(options(folder.join(`${i}`), "client", "sleep 1000.5", false));
    }
    for (const lab of labs) await lab.close();
    expect(holders.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(processesNamed("sleep 1000.5")).toEqual([]);
  });

  test("goes when its owner is killed", async () => {
    using folder = new TemporaryFolder();
    const start = JSON.stringify(options(folder.path, "server", "sleep 1000.75", true));
    const program = `const { openLab } = await import(${JSON.stringify(OPEN_LAB)});
      const lab = await openLab();
      await lab.start(${start});
      console.log(Object.values(lab.holders).join(" "));
      await Bun.sleep(60_000);`;
    const owner = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
    const { value } = await owner.stdout.getReader().read();
    const holders = new TextDecoder().decode(value).trim().split(" ");
    expect(holders.length).toBe(3);
    await until(() => processesNamed("sleep 1000.75").length > 0);
    owner.kill("SIGKILL");
    await owner.exited;
    await until(() => holders.every((pid) => !existsSync(`/proc/${pid}`)));
    await until(() => processesNamed("sleep 1000.75").length === 0);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(10);
}

/** Process ids by command line; the shells whose script contains it are not meant. */
function processesNamed(command: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() === command;
    } catch {
      return false;
    }
  });
}
