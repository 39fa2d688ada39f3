/**
 * Receive queue overflows that the kernel counted for a process's UDP sockets: /proc/PID/net/udp,
 * last column.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export function kernelDrops(pid: number): number {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed since it was listed.
    }
  }
  let drops = 0;
  for (const table of ["udp", "udp6"]) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, "latin1").split("\n").slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (inodes.has(columns[9] ?? "")) drops += Number(columns[12] ?? 0);
    }
  }
  return drops;
}
