/**
 * Commands under what Docker allows a container by default: see docker_seccomp.c, which is compiled
 * when first needed.
 */
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const SOURCE = join(import.meta.dir, "docker_seccomp.c");
const LAUNCHER = join(import.meta.dir, "../../build/lab/docker_seccomp");
const COMPILERS = ["cc", "gcc", "clang"];

/** Why {@link seccompLauncher} cannot be had here; null when it can. */
export function seccompUnavailable(): string | null {
  if (process.arch !== "x64") return "the seccomp profile of containers here is that of x86-64";
  return compiler() === undefined
    ? `no C compiler for the launcher of containers: ${COMPILERS.join(", ")}`
    : null;
}

/** The launcher's path: docker_seccomp [--net-admin] COMMAND [ARGUMENT...]. */
export function seccompLauncher(): string {
  const made = existsSync(LAUNCHER) ? statSync(LAUNCHER).mtimeMs : 0;
  if (made < statSync(SOURCE).mtimeMs) compile();
  return LAUNCHER;
}

/** As the runner's containers: Docker's defaults and NET_ADMIN. */
export function confinedCommand(command: readonly string[]): string[] {
  return [seccompLauncher(), "--net-admin", ...command];
}

function compiler(): string | undefined {
  return COMPILERS.find((name) => Bun.which(name) !== null);
}

function compile(): void {
  mkdirSync(dirname(LAUNCHER), { recursive: true });
  const flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"];
  // Its name is given last: several processes may compile it at once.
  const made = `${LAUNCHER}.${process.pid}`;
  const result = Bun.spawnSync([compiler() ?? "cc", ...flags, "-o", made, SOURCE]);
  if (result.exitCode !== 0) throw new Error(`${SOURCE}: ${result.stderr.toString()}`);
  renameSync(made, LAUNCHER);
}
