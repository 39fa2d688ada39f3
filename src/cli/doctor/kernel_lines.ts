/** Kernel, native library, and the two things that a sandbox likes to refuse: io_uring and eBPF. */
import { Capability, type Facts, hasBit, holds, type Plan } from "./facts.ts";
import { IO_URING, isAtLeast, OLDEST } from "./kernel_version.ts";
import {
  asRoot,
  bytesText,
  type Line,
  NO_LIBRARY,
  NOT_TOLD,
  notChecked,
  ok,
  problem,
  warning,
} from "./line.ts";
import { neededLockedMemory } from "./needs.ts";

const PROFILE =
  "docker run --security-opt seccomp=quicd.json ..., the profile of docs/privileges.md";

export function kernelLines(facts: Facts, plan: Plan): Line[] {
  return [
    kernel(facts, plan),
    library(facts),
    ioUring(facts, plan),
    steering(facts, plan),
    seccomp(facts),
  ];
}

function kernel({ platform, kernel: release }: Facts, { backend }: Plan): Line {
  const name = "kernel";
  if (platform !== "linux") {
    return problem(name, `${platform} ${release}`, "run quicd on Linux 5.10 or later");
  }
  const found = `Linux ${release}`;
  const newer = "a kernel of Linux 6.1 or later, as Debian 12 and Ubuntu 24.04 have";
  if (!isAtLeast(release, OLDEST)) return problem(name, `${found} is older than 5.10`, newer);
  if (backend === "syscalls" || isAtLeast(release, IO_URING)) return ok(name, found);
  return warning(name, `${found}: the io_uring backend needs 6.1`, newer);
}

function library({ library: { path, named, abi, failure, missing } }: Facts): Line {
  const name = "native library";
  if (failure === "") return ok(name, `${path}, ABI ${abi}`);
  const found = missing ? `${path}: ${failure}` : failure;
  return problem(name, found, named ? "unset QUICD_NATIVE" : "./setup");
}

function ioUring(facts: Facts, plan: Plan): Line {
  const name = "io_uring";
  if (facts.probe === null) return notChecked(name, NO_LIBRARY);
  const { uringRefusal } = facts.probe;
  if (uringRefusal === "") return ok(name, "allowed, with all features that are used");
  const [cause, remedy] = explainUring(facts, plan, uringRefusal);
  if (plan.backend === "syscalls") return ok(name, `${cause}; not asked for`);
  if (plan.backend === "auto") {
    return warning(name, `${cause}; the backend will be syscalls`, remedy);
  }
  return problem(name, `${cause}, and netio.backend asks for it`, `${remedy}\nor: --backend auto`);
}

function explainUring(facts: Facts, plan: Plan, refusal: string): Explanation {
  const [cause, advice] = split(refusal.replace(/^io_uring: /, ""));
  const { kernel, ioUringDisabled: disabled, seccompFilters, capabilities } = facts;
  if (!isAtLeast(kernel, IO_URING)) return ["the kernel is too old", "Linux 6.1 or later"];
  if (/memory/.test(cause)) {
    const limit = bytesText(facts.lockedMemoryBytes ?? 0);
    const memlock = `--memlock=${neededLockedMemory(plan)}`;
    const command = asRoot(facts, `prlimit --pid $$ ${memlock}`);
    return [
      `the ${limit} of locked memory are too little for a ring`,
      `for this shell: ${command}`,
    ];
  }
  const allow = asRoot(facts, "sysctl -w kernel.io_uring_disabled=0");
  if (disabled === 2) return ["off: kernel.io_uring_disabled is 2", allow];
  if (disabled === 1 && !holds(capabilities, Capability.SysAdmin)) {
    return ["only for root and a group: kernel.io_uring_disabled is 1", allow];
  }
  if ((seccompFilters ?? 0) === 0) return [cause, advice];
  return [`refused, it seems by seccomp (${cause})`, PROFILE];
}

function steering(facts: Facts, plan: Plan): Line {
  const name = "eBPF routing";
  if (facts.probe === null) return notChecked(name, NO_LIBRARY);
  if (plan.routing === "forward") return ok(name, "not asked for");
  if (plan.routing === "auto" && plan.workers === 1) return ok(name, "one worker needs none");
  const { steeringRefusal } = facts.probe;
  if (steeringRefusal === "")
    return ok(name, "allowed: the program that routes by connection ID loads");
  const [cause, remedy] = explainSteering(facts, steeringRefusal);
  if (plan.routing === "auto") {
    return warning(name, `${cause}; the routing will be forward`, remedy);
  }
  return problem(name, `${cause}, and netio.routing asks for it`, `${remedy}\nor: --routing auto`);
}

function explainSteering(facts: Facts, refusal: string): Explanation {
  const { capabilities, seccompFilters, unprivilegedBpfDisabled } = facts;
  if (capabilities === null) return split(refusal);
  if (holds(capabilities, Capability.Bpf) || holds(capabilities, Capability.SysAdmin)) {
    if ((seccompFilters ?? 0) === 0) return split(refusal);
    return ["refused although CAP_BPF is there, it seems by seccomp", PROFILE];
  }
  if (!capabilities.initialNamespace) {
    const cause = "in a user namespace, where CAP_BPF does not count";
    return [cause, "start it outside of the rootless container"];
  }
  const sysctl = `kernel.unprivileged_bpf_disabled is ${unprivilegedBpfDisabled}`;
  const cause = unprivilegedBpfDisabled === null ? "no CAP_BPF" : `no CAP_BPF (${sysctl})`;
  const unit = "in a systemd unit: AmbientCapabilities=CAP_BPF (docs/privileges.md)";
  if (!hasBit(capabilities.bounding, Capability.Bpf)) {
    return [cause, `docker run --cap-add=BPF ...\n${unit}, and CAP_BPF in CapabilityBoundingSet`];
  }
  const setpriv = [
    "setpriv --reuid=$(id -u) --regid=$(id -g) --init-groups",
    "--inh-caps=+bpf --ambient-caps=+bpf",
    /* sudo has replaced both. */
    `env PATH="$PATH" HOME="$HOME" ${facts.serve}`,
  ].join(" ");
  return [cause, `${unit}\nby hand: ${asRoot(facts, setpriv)}`];
}

function seccomp({ seccompFilters, probe }: Facts): Line {
  const name = "seccomp";
  if (seccompFilters === null) return notChecked(name, NOT_TOLD);
  if (seccompFilters === 0) return ok(name, "no filter");
  const count = seccompFilters === 1 ? "1 filter" : `${seccompFilters} filters`;
  if (probe === null) return ok(name, count);
  const refused = [
    probe.uringRefusal === "" ? "" : "io_uring",
    probe.steeringRefusal === "" ? "" : "eBPF",
  ].filter((what) => what !== "");
  if (refused.length === 0) return ok(name, `${count}; io_uring and eBPF are let through`);
  return ok(name, `${count}; what is refused stands at ${refused.join(" and ")}`);
}

type Explanation = [cause: string, remedy: string];

/** The library's own words: "cause; remedy". A cause may quote what has semicolons too. */
function split(text: string): Explanation {
  const end = text.lastIndexOf("; ");
  return end < 0 ? [text, "./setup"] : [text.slice(0, end), text.slice(end + 2)];
}
