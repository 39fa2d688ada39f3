/**
 * `quicd doctor` for real: on this machine as it is, and where this machine can be made worse:
 * network devices without offloads, limits, CPUs, privileges, Docker's seccomp profile.
 */
import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { asContainer, asService, noContainer, noService } from "../support/confinement.ts";
import { skipReason } from "../support/peer.ts";
import { cliCommand, environment, type Outcome } from "./run_cli.ts";

const LIBRARY = resolve(import.meta.dir, "../../build/lib/quicd.node");
const PATIENCE_MS = 30_000;
const root = process.getuid?.() === 0;

/** Port 0, so that a server which runs on this machine is no problem. */
const ANY_PORT = ["--port", "0"];

interface Checkup extends Outcome {
  /** A line of the report by its name, and the remedies below it. */
  line(name: string): { verdict: string; found: string; remedies: string[] };
}

async function doctor(
  args: readonly string[] = ANY_PORT,
  { through = [], env = {} }: { through?: readonly string[]; env?: Record<string, string> } = {},
): Promise<Checkup> {
  const child = Bun.spawn([...through, ...cliCommand(["doctor", ...args])], {
    env: environment(env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr, line: (name) => lineOf(stdout, name) };
}

const ROW = /^ {2}(\S.*?) {2,}(ok|warning|problem|not checked) {2,}(.*)$/;

function lineOf(report: string, name: string) {
  const rows = report.split("\n");
  const start = rows.findIndex((row) => ROW.exec(row)?.[1] === name);
  if (start < 0) throw new Error(`no line ${name} in:\n${report}`);
  const [, , verdict = "", first = ""] = ROW.exec(rows[start]!) ?? [];
  let end = start + 1;
  while (/^ {5,}/.test(rows[end] ?? "")) end += 1;
  const below = rows.slice(start + 1, end).map((row) => row.trim());
  const remedies = below.filter((row) => row.startsWith("-> ")).map((row) => row.slice(3));
  const found = [first, ...below.filter((row) => !row.startsWith("-> "))].join(" ");
  return { verdict, found, remedies };
}

function missing(...programs: string[]): string | null {
  const absent = programs.filter((program) => Bun.which(program) === null);
  return absent.length > 0 ? `not installed: ${absent.join(", ")}` : null;
}

function noDevices(): string | null {
  return missing("unshare", "ip", "ethtool") ?? (root ? null : "network devices: needs root");
}

const unbuilt = skipReason(existsSync(LIBRARY) ? null : "build/lib/quicd.node: ./setup builds it");

describe.skipIf(unbuilt)("with the native library", () => {
  test("this machine, as it is", async () => {
    const checkup = await doctor();
    expect(checkup.stderr).toBe("");
    expect(checkup.line("native library").found).toStartWith(`${LIBRARY}, ABI `);
    expect(checkup.line("device lo").verdict).not.toBe("not checked");
    expect(checkup.line("port").verdict).toBe("ok");
    const problems = checkup.stdout.split("\n").filter((row) => ROW.exec(row)?.[2] === "problem");
    expect(checkup.exitCode).toBe(problems.length > 0 ? 1 : 0);
    const closing = checkup.stdout.trimEnd().split("\n").at(-1);
    expect(closing).toMatch(
      problems.length > 0
        ? /: quicd serve will not start$/
        : /: routing will be (ebpf|forward), backend (io_uring|syscalls)$/,
    );
  });

  test("a taken port is a problem, and ends with 1", async () => {
    const other = createSocket("udp4");
    await new Promise<void>((bound) => other.bind(0, "127.0.0.1", bound));
    const { port } = other.address();
    const { exitCode, line, stdout } = await doctor(["--port", `${port}`, "--host", "localhost"]);
    other.close();
    expect(line("port").verdict).toBe("problem");
    expect(line("port").remedies[0]).toContain(`ss -ulpn 'sport = :${port}'`);
    expect(stdout).toEndWith("quicd serve will not start\n");
    expect(exitCode).toBe(1);
  });

  test.skipIf(skipReason(missing("prlimit") ?? noService()))(
    "tight limits, without privilege",
    async () => {
      const limits = ["prlimit", "--nofile=64", "--memlock=65536"];
      const { line, exitCode } = await doctor(ANY_PORT, { through: [...asService(), ...limits] });
      expect(line("open files")).toMatchObject({
        verdict: "warning",
        found: expect.stringContaining("64 allowed"),
        remedies: [expect.stringMatching(/--nofile=4096$/), expect.stringContaining("LimitNOFILE")],
      });
      const memory = line("locked memory");
      const counted = memory.verdict !== "ok";
      expect(memory.found).toContain("64 KiB allowed");
      expect(memory.remedies.length).toBe(counted ? 2 : 0);
      expect(exitCode).toBe(memory.verdict === "problem" ? 1 : 0);
    },
  );

  test.skipIf(skipReason(missing("taskset")))("one CPU is shared", async () => {
    const { line } = await doctor(ANY_PORT, { through: ["taskset", "-c", "0"] });
    expect(line("CPUs").verdict).toBe("warning");
    expect(line("CPUs").found).toStartWith("1 of ");
  });

  test.skipIf(skipReason(noService()))("without CAP_BPF the routing is forward", async () => {
    const sysctl = "/proc/sys/kernel/unprivileged_bpf_disabled";
    const { line, stdout, exitCode } = await doctor(ANY_PORT, { through: asService() });
    const { verdict, found, remedies } = line("eBPF routing");
    expect(verdict).toBe("warning");
    expect(found).toStartWith("no CAP_BPF");
    if (existsSync(sysctl)) expect(found).toContain(`is ${readFileSync(sysctl, "utf8").trim()}`);
    /* The bounding set of the service is empty, too. */
    expect(remedies[0]).toBe("docker run --cap-add=BPF ...");
    expect(stdout).toContain("routing will be forward");
    expect(exitCode).toBe(0);
    const insisting = await doctor([...ANY_PORT, "--routing", "ebpf"], { through: asService() });
    expect(insisting.line("eBPF routing").verdict).toBe("problem");
    expect(insisting.exitCode).toBe(1);
  });

  test.skipIf(skipReason(noContainer()))("Docker's profile refuses io_uring", async () => {
    const { line, stdout, exitCode } = await doctor(ANY_PORT, { through: asContainer() });
    expect(line("seccomp").found).toMatch(/^\d+ filters?; what is refused stands at io_uring/);
    expect(line("io_uring").verdict).toBe("warning");
    expect(line("io_uring").remedies[0]).toContain("seccomp");
    expect(stdout).toEndWith("routing will be forward, backend syscalls\n");
    expect(exitCode).toBe(0);
  });

  test.skipIf(skipReason(noDevices()))(
    "network devices whose offloads are off",
    async () => {
      const script = [
        "ip link set lo up",
        "ip link add near type veth peer name far",
        "ip link set near up",
        "ip link set far up",
        "ethtool -K lo tx-udp-segmentation off >/dev/null",
        "ethtool -K near tx-udp-segmentation off >/dev/null",
        "ethtool -K far tx off gro off >/dev/null",
        'exec "$@"',
      ].join(" && ");
      const through = ["unshare", "--net", "sh", "-c", script, "sh"];
      const { line, stdout } = await doctor(ANY_PORT, { through });
      expect(line("device lo").remedies).toEqual(["ethtool -K lo tx-udp-segmentation on"]);
      expect(line("device near").remedies).toEqual(["ethtool -K near tx-udp-segmentation on"]);
      expect(line("device far").found).toBe("turned off: checksums");
      expect(line("UDP drops").verdict).toBe("ok");
      expect(stdout).toContain("what ethtool -K sets lasts until the next boot");
      /* Typed as they stand, the remedies leave nothing to say. */
      const mended = [...script.split(" && ").slice(0, -1), ...remediesOf(stdout), 'exec "$@"'];
      const again = await doctor(ANY_PORT, {
        through: [...through.slice(0, -2), mended.join(" && "), "sh"],
      });
      for (const name of ["lo", "near", "far"]) {
        expect(again.line(`device ${name}`).verdict).toBe("ok");
      }
    },
    PATIENCE_MS,
  );

  const controller = "/sys/fs/cgroup/cpu";
  const group = join(controller, "quicd-doctor-test");
  const hasQuota = root && existsSync(join(controller, "cpu.cfs_quota_us"));
  test.skipIf(skipReason(hasQuota ? null : "a CPU quota: needs root and cgroups of version 1"))(
    "a CPU quota that the kernel keeps",
    async () => {
      mkdirSync(group, { recursive: true });
      try {
        writeFileSync(join(group, "cpu.cfs_quota_us"), "90000");
        const enter = `echo $$ >${group}/cgroup.procs && exec "$@"`;
        const { line } = await doctor(ANY_PORT, { through: ["sh", "-c", enter, "sh"] });
        expect(line("CPU quota").verdict).toBe("warning");
        expect(line("CPU quota").found).toStartWith("the time of 0.9 CPUs");
      } finally {
        rmdirSync(group);
      }
    },
    PATIENCE_MS,
  );
});

function remediesOf(report: string): string[] {
  return [...report.matchAll(/-> (ethtool .*)/g)].map(
    ([, command = ""]) => `${command} >/dev/null`,
  );
}

test("without the library the rest is looked at all the same", async () => {
  const { exitCode, line, stdout, stderr } = await doctor(ANY_PORT, {
    env: { QUICD_NATIVE: "/nonexistent" },
  });
  expect(stderr).toBe("");
  expect(exitCode).toBe(1);
  expect(line("native library")).toMatchObject({
    verdict: "problem",
    remedies: ["unset QUICD_NATIVE"],
  });
  for (const name of ["io_uring", "eBPF routing", "UDP GRO", "UDP GSO", "port", "devices"]) {
    expect(line(name).verdict).toBe("not checked");
  }
  for (const name of ["kernel", "open files", "CPUs"]) {
    expect(line(name).verdict).not.toBe("not checked");
  }
  expect(stdout).toMatch(/falls back on Bun\.serve, on the JavaScript thread\n$/);
});

test("wrong arguments and configurations end with 2", async () => {
  const misplaced = await doctor(["./public"]);
  expect(misplaced.stderr).toContain("doctor looks at the machine, not at ./public");
  expect(misplaced.exitCode).toBe(2);
  const wrong = await doctor(["--port", "http"]);
  expect(wrong.stderr).toContain("--port: netio.port = ");
  expect(wrong.exitCode).toBe(2);
  expect((await doctor(ANY_PORT, { env: { QUICD_NETIO_WORKERS: "none" } })).exitCode).toBe(2);
});
