/** What the process is limited to: locked memory, open files, CPUs and their time. */
import { countCpus } from "../../config/workers.ts";
import { Capability, type Facts, holds, type Plan } from "./facts.ts";
import { isAtLeast, RINGS_ARE_LOCKED } from "./kernel_version.ts";
import {
  asRoot,
  bytesText,
  type Line,
  NOT_TOLD,
  notChecked,
  ok,
  problem,
  warning,
} from "./line.ts";
import { neededLockedMemory, neededOpenFiles } from "./needs.ts";

/** The default of Linux since 5.16. */
const USUAL_LOCKED_MEMORY = 8 * 1024 * 1024;
/** Beside the server itself: 128 files are kept open for reuse, more while they are being sent. */
const COMFORTABLE_OPEN_FILES = 1024;
const USUAL_OPEN_FILES = 4096;

export function limitLines(facts: Facts, plan: Plan): Line[] {
  return [lockedMemory(facts, plan), openFiles(facts, plan), cpus(facts, plan), quota(facts, plan)];
}

function lockedMemory(facts: Facts, plan: Plan): Line {
  const name = "locked memory";
  const { lockedMemoryBytes: limit, kernel, capabilities, probe } = facts;
  if (limit === null) return notChecked(name, NOT_TOLD);
  const allowed = `${bytesText(limit)} allowed`;
  if (holds(capabilities, Capability.IpcLock)) return ok(name, `${allowed}; CAP_IPC_LOCK lifts it`);
  const needed = neededLockedMemory(plan);
  const counts = plan.backend !== "syscalls" && isAtLeast(kernel, RINGS_ARE_LOCKED);
  if (!counts || limit >= needed) return ok(name, allowed);
  const found = `${allowed}, and the rings of ${plan.workers} workers take ${bytesText(needed)}`;
  const remedy = raise(facts, "memlock", "LimitMEMLOCK", USUAL_LOCKED_MEMORY, needed);
  /* Where even a small ring is refused, the server does without io_uring. */
  const starts = plan.backend === "auto" && probe?.uringRefusal !== "";
  return starts ? warning(name, found, remedy) : problem(name, found, remedy);
}

function openFiles(facts: Facts, plan: Plan): Line {
  const name = "open files";
  const { openFiles: limit } = facts;
  if (limit === null) return notChecked(name, NOT_TOLD);
  const needed = neededOpenFiles(plan);
  const allowed = limit === Number.POSITIVE_INFINITY ? "unlimited" : `${limit} allowed`;
  const remedy = raise(facts, "nofile", "LimitNOFILE", USUAL_OPEN_FILES, needed);
  if (limit < needed) return problem(name, `${allowed}, and a start takes up to ${needed}`, remedy);
  if (limit >= COMFORTABLE_OPEN_FILES) return ok(name, allowed);
  const found = `${allowed}: ${limit - needed} are left for files that are served, and for the app`;
  return warning(name, found, remedy);
}

/** Bun has raised the soft limit to the hard one by itself: only root can go further. */
function raise(facts: Facts, flag: string, unit: string, usual: number, needed: number): string {
  const limit = Math.max(usual, needed);
  const shell = asRoot(facts, `prlimit --pid $$ --${flag}=${limit}`);
  return `for this shell: ${shell}\nin a systemd unit: ${unit}=${limit}`;
}

function cpus({ cpus: lists, serve }: Facts, { workers }: Plan): Line {
  const name = "CPUs";
  if (lists === null) return notChecked(name, NOT_TOLD);
  const [allowed, online] = [countCpus(lists.allowed), countCpus(lists.online)];
  const which = allowed === online ? "" : ` (${lists.allowed} of ${lists.online})`;
  const found = `${allowed} of ${online} usable${which}, ${workers} ${plural("worker", workers)}`;
  if (allowed === 1 && online > 1) {
    const share = `${found}: network threads and JavaScript take turns`;
    const more = `docker run --cpuset-cpus=${lists.online} ..., AllowedCPUs=${lists.online}`;
    const command = `taskset -c ${lists.online} ${serve}`;
    return warning(name, share, `${command}\nwhere a container or a systemd unit set it: ${more}`);
  }
  if (allowed === 1) {
    const share = `${found}: network threads and JavaScript take turns`;
    return warning(name, share, "give the machine a second CPU; until then --workers 1");
  }
  if (workers <= allowed) return ok(name, found);
  return warning(name, `${found}: they take turns`, `--workers ${allowed}`);
}

function quota({ cpuQuota }: Facts, { workers }: Plan): Line {
  const name = "CPU quota";
  if (cpuQuota === Number.POSITIVE_INFINITY) return ok(name, "none");
  const share = Number(cpuQuota.toFixed(2));
  const time = `the time of ${share} ${plural("CPU", share)}`;
  const found = `${time}, ${workers} ${plural("worker", workers)}`;
  if (cpuQuota >= workers) return ok(name, found);
  const remedy = "docker run --cpus=2 ..., in a systemd unit: CPUQuota=200%";
  const fewer = Math.max(1, Math.floor(cpuQuota));
  return warning(
    name,
    `${found}: when it is used up, all stand still until the next period`,
    fewer < workers ? `--workers ${fewer}\nor more time: ${remedy}` : remedy,
  );
}

function plural(noun: string, count: number): string {
  return count === 1 ? noun : `${noun}s`;
}
