/** Looks at the machine. Nothing here judges, and nothing that is missing stops it. */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { ABI_HASH } from "../../native/abi.gen.ts";
import type { MachineProbe } from "../../native/addon.ts";
import { libraryPath, loadLibrary, NativeMissing } from "../../native/library.ts";
import { cpuQuota } from "./cpu_quota.ts";
import type { Facts, LibraryFacts, Plan } from "./facts.ts";
import { capabilities, cpuLists, integer, limit, seccompFilters, udpCounters } from "./proc.ts";

export function examineMachine(plan: Plan): Facts {
  const status = read("/proc/self/status");
  const limits = read("/proc/self/limits");
  return {
    platform: process.platform,
    kernel: release(),
    root: process.geteuid?.() === 0,
    serve: Bun.which("quicd") === null ? "bun run serve" : "quicd serve",
    ...tryLibrary(plan),
    seccompFilters: seccompFilters(status),
    capabilities: capabilities(status, read("/proc/self/uid_map")),
    ioUringDisabled: sysctl("kernel/io_uring_disabled"),
    unprivilegedBpfDisabled: sysctl("kernel/unprivileged_bpf_disabled"),
    receiveBufferMax: sysctl("net/core/rmem_max"),
    sendBufferMax: sysctl("net/core/wmem_max"),
    udp: udpCounters(read("/proc/net/snmp"), read("/proc/net/snmp6")),
    lockedMemoryBytes: limit(limits, "Max locked memory"),
    openFiles: limit(limits, "Max open files"),
    cpus: cpuLists(status, read("/sys/devices/system/cpu/online")),
    cpuQuota: cpuQuota(),
  };
}

function tryLibrary(plan: Plan): { library: LibraryFacts; probe: MachineProbe | null } {
  const path = libraryPath();
  const named = process.env.QUICD_NATIVE !== undefined;
  const library = { path, named, abi: ABI_HASH, failure: "", missing: false };
  try {
    const { addon } = loadLibrary();
    const { host, port, socketBufferBytes, workers } = plan;
    const probe = addon.probe(host, port, socketBufferBytes, workers);
    return { library, probe };
  } catch (error) {
    return { library: { ...library, ...failureOf(error) }, probe: null };
  }
}

function failureOf(error: unknown): Pick<LibraryFacts, "failure" | "missing"> {
  if (error instanceof NativeMissing) return { failure: error.reason, missing: true };
  const text = error instanceof Error ? error.message : String(error);
  /* The remedy has its own place in the report. */
  return { failure: text.replace(/^quicd: /, "").replace(/: run \.\/setup$/, ""), missing: false };
}

function sysctl(path: string): number | null {
  return integer(read(`/proc/sys/${path}`));
}

/** "" when it is not there. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
