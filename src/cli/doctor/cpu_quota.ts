/**
 * How many CPUs' worth of time the cgroups of this process allow: the least of its own group and of
 * all above it, in version 2 (cpu.max) and version 1 (cpu.cfs_quota_us).
 */
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { integer } from "./proc.ts";

const UNLIMITED = Number.POSITIVE_INFINITY;

/** Infinity: no quota. @param root of the file system, another one in tests */
export function cpuQuota(root = "/"): number {
  const read = (path: string) => readText(join(root, path));
  const mounts = read("proc/self/mountinfo").split("\n").flatMap(parseMount);
  const groups = read("proc/self/cgroup").split("\n").map(parseGroup);
  const quotas = groups.flatMap(({ controllers, path }) =>
    mounts
      .filter((mount) => mount.controllers === controllers)
      .flatMap((mount) => foldersOf(mount, path))
      .map((folder) => (controllers === "" ? quota2(folder, read) : quota1(folder, read))),
  );
  return Math.min(UNLIMITED, ...quotas);
}

/** "" for version 2; else those of version 1 with "cpu" among them, for nothing else counts. */
interface Mount {
  controllers: string;
  /** The group that is mounted, and where. */
  root: string;
  point: string;
}

/** `30 23 0:26 /docker/1f2e /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup rw` */
function parseMount(line: string): Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "", point = ""] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (type === "cgroup2") return [{ controllers: "", root, point }];
  if (type !== "cgroup" || !options.split(",").includes("cpu")) return [];
  return [{ controllers: "cpu", root, point }];
}

/** `0::/user.slice` or `1:cpu,cpuacct:/user.slice` */
function parseGroup(line: string): { controllers: string | null; path: string } {
  const [, names = "none", ...path] = line.split(":");
  const controllers = names.split(",").includes("cpu") ? "cpu" : null;
  return { controllers: names === "" ? "" : controllers, path: path.join(":") };
}

/** From the group's own folder up to the mount; the mount alone when the group is outside of it. */
function foldersOf({ root, point }: Mount, path: string): string[] {
  const below = relative(root, path);
  const folders = [point];
  if (below.startsWith("..")) return folders;
  for (let part = below; part !== "" && part !== "."; part = dirname(part)) {
    folders.push(join(point, part));
  }
  return folders;
}

type Read = (path: string) => string;

/** "max 100000" or "50000 100000": microseconds of CPU time in a period of so many. */
function quota2(folder: string, read: Read): number {
  const [quota = "", period = ""] = read(join(folder, "cpu.max")).trim().split(" ");
  return ratio(quota, period);
}

/** -1 is no quota. */
function quota1(folder: string, read: Read): number {
  return ratio(read(join(folder, "cpu.cfs_quota_us")), read(join(folder, "cpu.cfs_period_us")));
}

function ratio(quota: string, period: string): number {
  const [time, of] = [integer(quota), integer(period)];
  return time === null || of === null || of === 0 ? UNLIMITED : time / of;
}

/** "" when it is not there. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
