/** Where the control sockets of running servers are: quicd-PID.sock, in a folder of the user's. */
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NAME = /^quicd-([1-9][0-9]{0,9})\.sock$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** Of the user alone: the system's, or one in the folder for temporary files. */
export function controlFolder(env: Environment): string {
  const { XDG_RUNTIME_DIR: runtime = "" } = env;
  return runtime !== "" ? runtime : join(tmpdir(), `quicd-${userId()}`);
}

export function controlPath(env: Environment, pid: number): string {
  return join(controlFolder(env), `quicd-${pid}.sock`);
}

function userId(): number {
  return process.getuid?.() ?? 0;
}

/**
 * The folder, made where it is missing.
 *
 * @throws Error when it is somebody else's: in a folder for all, anybody could have made it first.
 */
export function prepareControlFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== userId() || (found.mode & 0o077) !== 0) {
    throw new Error(`${folder} is not a folder that only this user can look into`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives but is another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

export interface ControlPlace {
  pid: number;
  path: string;
}

/** Of servers that run; what others left behind, killed before they could tidy up, is removed. */
export function controlPlaces(folder: string): ControlPlace[] {
  const places: ControlPlace[] = [];
  for (const name of listed(folder)) {
    const pid = Number(NAME.exec(name)?.[1] ?? 0);
    if (pid === 0) continue;
    const path = join(folder, name);
    if (isAlive(pid)) places.push({ pid, path });
    else rmSync(path, { force: true });
  }
  return places.sort((one, other) => one.pid - other.pid);
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
