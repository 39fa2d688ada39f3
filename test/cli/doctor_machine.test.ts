/** What `quicd doctor` reads of a machine: texts of /proc, trees of cgroups, and this machine. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cpuQuota } from "../../src/cli/doctor/cpu_quota.ts";
import { Capability, holds } from "../../src/cli/doctor/facts.ts";
import { isAtLeast } from "../../src/cli/doctor/kernel_version.ts";
import { examineMachine } from "../../src/cli/doctor/machine.ts";
import {
  capabilities,
  cpuLists,
  limit,
  seccompFilters,
  udpCounters,
} from "../../src/cli/doctor/proc.ts";
import { PLAN } from "./doctor_facts.ts";

const STATUS = `Name:\tbun
CapInh:\t0000000000000000
CapPrm:\t0000008000000000
CapEff:\t0000008000000000
CapBnd:\t000001ffffffffff
Seccomp:\t2
Seccomp_filters:\t1
Cpus_allowed:\t3
Cpus_allowed_list:\t0-1,4
`;
const INITIAL = "         0          0 4294967295\n";

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 524288               files
Max locked memory         unlimited            unlimited            bytes
`;

const SNMP = `Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 100 0 7 90 5 0
UdpLite: InDatagrams RcvbufErrors
UdpLite: 1000 1000
`;
const SNMP6 = "Udp6InDatagrams                 \t20\nUdp6RcvbufErrors                \t2\n";

describe("/proc", () => {
  test("capabilities count only in the first user namespace", () => {
    const held = capabilities(STATUS, INITIAL);
    expect(holds(held, Capability.Bpf)).toBe(true);
    expect(holds(held, Capability.SysAdmin)).toBe(false);
    expect(holds(capabilities(STATUS, ""), Capability.Bpf)).toBe(true);
    const nested = capabilities(STATUS, "         0       1000          1\n");
    expect(nested?.effective).toBe(held?.effective);
    expect(holds(nested, Capability.Bpf)).toBe(false);
    expect(capabilities("", INITIAL)).toBeNull();
    expect(holds(null, Capability.Bpf)).toBe(false);
  });

  test.each([
    [STATUS, 1],
    ["Seccomp:\t0\nSeccomp_filters:\t0\n", 0],
    ["Seccomp:\t2\n", 1],
    ["Seccomp:\t0\n", 0],
    ["", null],
  ])("seccomp filters of %j: %p", (status, count) => {
    expect(seccompFilters(status)).toBe(count);
  });

  test("CPUs, limits and counters", () => {
    expect(cpuLists(STATUS, "0-5\n")).toEqual({ allowed: "0-1,4", online: "0-5" });
    expect(cpuLists(STATUS, "")).toBeNull();
    expect(cpuLists("", "0")).toBeNull();
    expect(limit(LIMITS, "Max open files")).toBe(1024);
    expect(limit(LIMITS, "Max locked memory")).toBe(Number.POSITIVE_INFINITY);
    expect(limit(LIMITS, "Max")).toBeNull();
    expect(limit("", "Max open files")).toBeNull();
    expect(udpCounters(SNMP, SNMP6)).toEqual({ received: 120, dropped: 7 });
    expect(udpCounters(SNMP, "")).toEqual({ received: 100, dropped: 5 });
    expect(udpCounters("Udp: InDatagrams\nUdp: 1\n", SNMP6)).toBeNull();
    expect(udpCounters("", SNMP6)).toBeNull();
  });

  test("releases are compared as numbers", () => {
    expect(isAtLeast("6.10.1", [6, 2])).toBe(true);
    expect(isAtLeast("6.1", [6, 1])).toBe(true);
    expect(isAtLeast("5.19", [6, 1])).toBe(false);
    expect(isAtLeast("10.0", [6, 14])).toBe(true);
    expect(isAtLeast("unknown", [5, 10])).toBe(false);
  });
});

describe("CPU quota", () => {
  const root = mkdtempSync(join(tmpdir(), "quicd-quota-"));
  afterAll(() => rmSync(root, { recursive: true }));
  const V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
  const V1 = "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct";
  /** As a container without a cgroup namespace sees it: its own group is what is mounted. */
  const NESTED = "30 23 0:26 /docker/1f2e /sys/fs/cgroup ro - cgroup2 cgroup rw";
  const group = "/sys/fs/cgroup";
  const group1 = "/sys/fs/cgroup/cpu,cpuacct";

  test.each<[what: string, mounts: string, groups: string, files: object, cpus: number]>([
    ["of its own group", V2, "0::/a/b", { [`${group}/a/b/cpu.max`]: "150000 100000\n" }, 1.5],
    ["of the group above", V2, "0::/a/b", { [`${group}/a/cpu.max`]: "50000 100000\n" }, 0.5],
    [
      "the least of all",
      V2,
      "0::/a/b",
      { [`${group}/a/b/cpu.max`]: "300000 100000", [`${group}/a/cpu.max`]: "200000 100000" },
      2,
    ],
    ["of a container's root", V2, "0::/", { [`${group}/cpu.max`]: "200000 100000" }, 2],
    ["none", V2, "0::/a", { [`${group}/a/cpu.max`]: "max 100000\n" }, Number.POSITIVE_INFINITY],
    ["of others does not count", V2, "0::/a", { [`${group}/b/cpu.max`]: "1 2" }, Infinity],
    [
      "of what is mounted",
      NESTED,
      "0::/docker/1f2e/app",
      { [`${group}/app/cpu.max`]: "25000 100000" },
      0.25,
    ],
    ["seen from outside", NESTED, "0::/other", { [`${group}/cpu.max`]: "100000 100000" }, 1],
    [
      "version 1",
      V1,
      "5:cpu,cpuacct:/a:b\n1:name=systemd:/x\n0::/y",
      {
        [`${group1}/a:b/cpu.cfs_quota_us`]: "75000\n",
        [`${group1}/a:b/cpu.cfs_period_us`]: "50000\n",
      },
      1.5,
    ],
    [
      "version 1, none",
      V1,
      "5:cpu,cpuacct:/a",
      { [`${group1}/a/cpu.cfs_quota_us`]: "-1\n", [`${group1}/a/cpu.cfs_period_us`]: "100000\n" },
      Number.POSITIVE_INFINITY,
    ],
    ["no cgroups at all", "", "", {}, Number.POSITIVE_INFINITY],
  ])("%s", (what, mounts, groups, files, cpus) => {
    const machine = join(root, what.replaceAll(" ", "_"));
    const all = { "/proc/self/mountinfo": mounts, "/proc/self/cgroup": groups, ...files };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(join(machine, dirname(path)), { recursive: true });
      writeFileSync(join(machine, path), text);
    }
    expect(cpuQuota(machine)).toBe(cpus);
  });
});

test.skipIf(process.platform !== "linux")("this machine tells all that Linux tells", () => {
  const facts = examineMachine(PLAN);
  expect(facts.kernel).toMatch(/^\d+\.\d+/);
  expect(facts.capabilities).not.toBeNull();
  expect(facts.seccompFilters).not.toBeNull();
  expect(facts.lockedMemoryBytes).toBeGreaterThanOrEqual(0);
  expect(facts.openFiles).toBeGreaterThan(0);
  expect(facts.cpus?.online).toMatch(/^\d/);
  expect(facts.cpuQuota).toBeGreaterThan(0);
  expect(facts.udp?.received).toBeGreaterThanOrEqual(0);
  expect(facts.library.failure === "").toBe(facts.probe !== null);
});
