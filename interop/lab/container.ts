/** A container of a lab: see container.sh, which is its first process. */
import { closeSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Container, ContainerOptions } from "./lab.ts";
import { confinedCommand } from "./seccomp.ts";

export const REPOSITORY = realpathSync(join(import.meta.dir, "../.."));
const FIRST_PROCESS = join(REPOSITORY, "interop/lab/container.sh");
/** Where its root is put together; what is mounted there nobody else sees. */
const ROOT_PLACE = join(REPOSITORY, "build/lab_root");

/** As Docker gives it: from the wish to end to the end. */
const GRACE_MS = 10_000;

const UNSHARE = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"];
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `holder`: a process in the container's network namespace. */
export function startContainer(holder: number, options: ContainerOptions): Container {
  const { role, mounts, outputPath } = options;
  const bunFolder = dirname(realpathSync(process.execPath));
  for (const folder of [ROOT_PLACE, ...Object.values(mounts)])
    mkdirSync(folder, { recursive: true });
  const command = options.confined ? confinedCommand(options.command) : options.command;
  const folders = [mounts.www, mounts.downloads, mounts.certificates, mounts.logs];
  const output = openSync(outputPath, "a");
  const child = Bun.spawn(
    [
      ...["nsenter", `--net=/proc/${holder}/ns/net`, "--", ...UNSHARE, "--"],
      ...["bash", FIRST_PROCESS, role, REPOSITORY, bunFolder, ...folders, ...command],
    ],
    {
      stdin: "pipe",
      stdout: output,
      stderr: output,
      cwd: "/",
      env: {
        PATH: `${SYSTEM_PATH}:${bunFolder}`,
        HOME: "/tmp/home",
        ...options.environment,
      },
    },
  );
  closeSync(output);
  let ending: Promise<number> | null = null;
  const end = async (): Promise<number> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exited;
    try {
      child.stdin.write("end\n");
      await child.stdin.flush();
    } catch {
      // It has ended by itself meanwhile: nobody reads.
    }
    const timer = setTimeout(() => child.stdin.end(), GRACE_MS);
    const code = await child.exited;
    clearTimeout(timer);
    return code;
  };
  return {
    exited: child.exited,
    stop: () => {
      ending ??= end();
      return ending;
    },
  };
}
