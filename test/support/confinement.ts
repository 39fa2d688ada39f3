/**
 * Commands in front of a server that take privileges from it: as a service of systemd, as a
 * container of Docker.
 */
import { chownSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { seccompLauncher, seccompUnavailable } from "../../interop/lab/seccomp.ts";
import { ROOT } from "./peer.ts";
import { TemporaryFolder } from "./server_process.ts";

/** Nobody. */
export const SERVICE_USER = 65534;

/**
 * As systemd starts a service: another user, these capabilities (as setpriv names them) in every
 * set, ambient included, and no others.
 */
export function asService(...capabilities: string[]): string[] {
  const user = ["--reuid", `${SERVICE_USER}`, "--regid", `${SERVICE_USER}`, "--clear-groups"];
  const set = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const sets = ["--inh-caps", set, "--ambient-caps", set, "--bounding-set", set];
  return ["setpriv", ...user, ...sets, "--"];
}

/** Why {@link asService} cannot be had here; null when it can. */
export function noService(): string | null {
  if (process.getuid?.() !== 0) return "starting a service as another user needs root";
  if (Bun.which("setpriv") === null) return "setpriv is missing (util-linux)";
  // It reads what it would run: a checkout in somebody's home directory is closed to others.
  const reads = ["test", "-r", join(ROOT, "src/cli.ts"), "-a", "-x", process.execPath];
  const probe = Bun.spawnSync([...asService("bpf"), ...reads]);
  if (probe.exitCode === 0) return null;
  const said = probe.stderr.toString().trim();
  return said || `user ${SERVICE_USER} can't read ${ROOT} or run ${process.execPath}`;
}

/** What a service keeps things in: its own, and named in its environment. */
export class ServiceFolder extends TemporaryFolder {
  readonly environment = { HOME: this.path, XDG_STATE_HOME: this.join("state") };

  constructor() {
    super();
    chownSync(this.path, SERVICE_USER, SERVICE_USER);
  }
}

/** Capability sets of each thread of a process, as lines of /proc: "CapEff:\t0000...". */
export function capabilityLines(pid: number): string[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).flatMap((thread) => {
    const status = readFileSync(join(folder, thread, "status"), "utf8");
    return status.split("\n").filter((line) => /^Cap(Inh|Prm|Eff|Amb):/.test(line));
  });
}

/** Why {@link asContainer} cannot be had here; null when it can. */
export function noContainer(): string | null {
  return seccompUnavailable();
}

/** Under Docker's default seccomp profile and capabilities. */
export function asContainer(): string[] {
  return [seccompLauncher()];
}

/** Why eBPF cannot be had here at all; null when root may use it. */
export function noBpf(): string | null {
  const reason = noContainer();
  if (reason !== null) return reason;
  const probe = Bun.spawnSync([...asContainer(), "--bare", "--probe"]).stdout.toString();
  return probe.includes("bpf EPERM") ? "bpf(2) is refused here, even to root" : null;
}
