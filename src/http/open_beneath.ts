/**
 * Opens regular files beneath a folder, and nothing else, whatever links and races lie on the way.
 *
 * The path is opened with O_PATH, which touches no device and waits for no fifo. What was found is
 * then judged by that descriptor: its type by fstat, its place by /proc/self/fd. Only a regular
 * file beneath the root is opened for reading, through the same descriptor, so nothing that is
 * renamed or re-linked in between can change what is read.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync } from "node:fs";

/** open(2); node:fs has no name for it. The same on every architecture that Bun runs on. */
const O_PATH = 0o10000000;
/** Link text of a descriptor whose file was removed after it was opened, proc_pid_fd(5). */
const DELETED = " (deleted)";

export type OpenFailure =
  /** Nothing there that may be served: no such file, not a file, or outside the root. */
  | "absent"
  /** The file's permissions keep the server out. */
  | "forbidden"
  /** Out of file descriptors. */
  | "exhausted"
  /** The disk or the kernel failed. */
  | "failed";

export type Opened =
  /** The caller owns `fd` and closes it. */
  { kind: "file"; fd: number; stat: BigIntStats } | { kind: "directory" } | { kind: OpenFailure };

/**
 * @param root the real path of a folder (no link in it)
 * @param path absolute, below `root` by its text; links in it are followed
 */
export function openBeneath(root: string, path: string): Opened {
  let place = -1;
  try {
    place = openSync(path, O_PATH);
    const stat = fstatSync(place, { bigint: true });
    if (!isBeneath(root, readlinkSync(`/proc/self/fd/${place}`))) return { kind: "absent" };
    if (stat.isDirectory()) return { kind: "directory" };
    if (!stat.isFile()) return { kind: "absent" };
    const fd = openSync(`/proc/self/fd/${place}`, constants.O_RDONLY | constants.O_NONBLOCK);
    return { kind: "file", fd, stat };
  } catch (error) {
    return { kind: failureOf(error) };
  } finally {
    if (place >= 0) closeSync(place);
  }
}

function isBeneath(root: string, link: string): boolean {
  const path = link.endsWith(DELETED) ? link.slice(0, -DELETED.length) : link;
  return path === root || path.startsWith(root === "/" ? root : `${root}/`);
}

function failureOf(error: unknown): OpenFailure {
  const code = error instanceof Error && "code" in error ? error.code : "";
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
    case "ENAMETOOLONG":
    case "ENXIO":
    case "ENODEV":
      return "absent";
    case "EACCES":
    case "EPERM":
      return "forbidden";
    case "EMFILE":
    case "ENFILE":
      return "exhausted";
    default:
      return "failed";
  }
}
