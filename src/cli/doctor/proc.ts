/** Reads single facts out of the texts of /proc. Each is null when the text does not have it. */
import type { Capabilities, CpuLists, UdpCounters } from "./facts.ts";

/** Of /proc/self/status. */
export function statusField(status: string, name: string): string | null {
  return new RegExp(`^${name}:\\s*(\\S+)$`, "m").exec(status)?.[1] ?? null;
}

export function seccompFilters(status: string): number | null {
  const mode = statusField(status, "Seccomp");
  if (mode === null) return null;
  /* The count is there since Linux 5.9; before, the mode says that there are some. */
  return integer(statusField(status, "Seccomp_filters")) ?? (mode === "0" ? 0 : 1);
}

/** @param uidMap /proc/self/uid_map */
export function capabilities(status: string, uidMap: string): Capabilities | null {
  const effective = statusField(status, "CapEff");
  const bounding = statusField(status, "CapBnd");
  if (effective === null || bounding === null) return null;
  return {
    effective: BigInt(`0x${effective}`),
    bounding: BigInt(`0x${bounding}`),
    /* Of a kernel without user namespaces the file is missing. */
    initialNamespace: uidMap === "" || /^\s*0\s+0\s+4294967295\s*$/.test(uidMap),
  };
}

/** @param online /sys/devices/system/cpu/online */
export function cpuLists(status: string, online: string): CpuLists | null {
  const allowed = statusField(status, "Cpus_allowed_list");
  return allowed === null || online === "" ? null : { allowed, online: online.trim() };
}

/** The soft limit that /proc/self/limits has by this name. */
export function limit(limits: string, name: string): number | null {
  const text = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(limits)?.[1] ?? null;
  return text === "unlimited" ? Number.POSITIVE_INFINITY : integer(text);
}

/** @param snmp /proc/net/snmp: a line of names, then one of values. @param snmp6 one name a line */
export function udpCounters(snmp: string, snmp6: string): UdpCounters | null {
  const [names = "", values = ""] = snmp.split("\n").filter((line) => line.startsWith("Udp: "));
  const columns = names.split(" ");
  const ipv4 = (name: string) => {
    const column = columns.indexOf(name);
    return column < 0 ? null : integer(values.split(" ")[column] ?? null);
  };
  const ipv6 = (name: string) =>
    integer(new RegExp(`^Udp6${name}\\s+(\\d+)`, "m").exec(snmp6)?.[1] ?? null) ?? 0;
  const [received, dropped] = [ipv4("InDatagrams"), ipv4("RcvbufErrors")];
  if (received === null || dropped === null) return null;
  return { received: received + ipv6("InDatagrams"), dropped: dropped + ipv6("RcvbufErrors") };
}

export function integer(text: string | null): number | null {
  return text !== null && /^\s*\d+\s*$/.test(text) ? Number(text) : null;
}
