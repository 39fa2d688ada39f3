/** Kernels, libraries and sandboxes, and what `quicd doctor` says: by the name of the line. */
import { type Case, EBPF_REFUSED, KIB, NO_LIBRARY, NO_RING } from "./doctor_case.ts";
import { ALL_CAPABILITIES, FACTS, NOBODY } from "./doctor_facts.ts";

export const KERNEL_CASES: Record<string, Case[]> = {
  kernel: [
    { verdict: "ok", found: "Linux 6.18.44" },
    { facts: { kernel: "6.1.0-28-amd64" }, verdict: "ok" },
    { facts: { kernel: "5.15.0" }, verdict: "warning", found: "needs 6.1", remedy: "6.1 or later" },
    { facts: { kernel: "5.15.0" }, plan: { backend: "syscalls" }, verdict: "ok" },
    { facts: { kernel: "5.4.0" }, verdict: "problem", found: "older than 5.10", remedy: "6.1" },
    { facts: { kernel: "10.0.1" }, verdict: "ok" },
    { facts: { platform: "darwin" }, verdict: "problem", found: "darwin", remedy: "Linux" },
  ],
  "native library": [
    { verdict: "ok", found: "quicd.node, ABI 7" },
    { facts: NO_LIBRARY, verdict: "problem", found: "a.node: no such file", remedy: "./setup" },
    {
      facts: {
        library: { ...FACTS.library, failure: "ABI 1 and not 7", named: true },
        probe: null,
      },
      verdict: "problem",
      found: "ABI 1 and not 7",
      remedy: "unset QUICD_NATIVE",
    },
  ],
  io_uring: [
    { verdict: "ok", found: "allowed" },
    { facts: NO_LIBRARY, verdict: "not checked", found: "native library" },
    {
      facts: { ioUringDisabled: 2 },
      probe: { uringRefusal: NO_RING },
      verdict: "warning",
      found: "kernel.io_uring_disabled is 2; the backend will be syscalls",
      remedy: "sysctl -w kernel.io_uring_disabled=0",
    },
    {
      facts: { ...NOBODY, ioUringDisabled: 1 },
      probe: { uringRefusal: NO_RING },
      verdict: "warning",
      found: "kernel.io_uring_disabled is 1",
      remedy: "sudo sysctl -w kernel.io_uring_disabled=0",
    },
    {
      /* To root 1 allows it: something else is in the way. */
      facts: { ioUringDisabled: 1, seccompFilters: 1 },
      probe: { uringRefusal: NO_RING },
      verdict: "warning",
      found: "seccomp (Operation not permitted)",
      remedy: "--security-opt seccomp=",
    },
    {
      facts: { seccompFilters: 1 },
      probe: { uringRefusal: NO_RING },
      plan: { backend: "io_uring" },
      verdict: "problem",
      found: "netio.backend asks for it",
      remedy: "docs/privileges.md\nor: --backend auto",
    },
    {
      probe: { uringRefusal: NO_RING },
      plan: { backend: "syscalls" },
      verdict: "ok",
      found: "not asked for",
    },
    {
      facts: { kernel: "5.15.0", seccompFilters: 1 },
      probe: { uringRefusal: "io_uring: Invalid argument; a newer kernel" },
      verdict: "warning",
      found: "too old",
      remedy: "Linux 6.1 or later",
    },
    {
      facts: { ...NOBODY, lockedMemoryBytes: 4 * KIB },
      probe: { uringRefusal: "io_uring: Cannot allocate memory; raise the limit" },
      verdict: "warning",
      found: "the 4 KiB of locked memory",
      remedy: "sudo prlimit --pid $$ --memlock=163840",
    },
    {
      probe: { uringRefusal: "io_uring: Too many open files; close some" },
      verdict: "warning",
      found: "Too many open files",
      remedy: "close some",
    },
  ],
  "eBPF routing": [
    { verdict: "ok", found: "allowed" },
    { facts: NO_LIBRARY, verdict: "not checked", found: "native library" },
    {
      facts: NOBODY,
      probe: { steeringRefusal: EBPF_REFUSED },
      verdict: "warning",
      found: "no CAP_BPF (kernel.unprivileged_bpf_disabled is 2); the routing will be forward",
      remedy: "by hand: sudo setpriv --reuid=",
    },
    {
      facts: { ...NOBODY, unprivilegedBpfDisabled: null },
      probe: { steeringRefusal: EBPF_REFUSED },
      plan: { routing: "ebpf" },
      verdict: "problem",
      found: "no CAP_BPF, and netio.routing asks for it",
      remedy: "quicd serve\nor: --routing auto",
    },
    {
      facts: { capabilities: { effective: 0n, bounding: 0n, initialNamespace: true } },
      probe: { steeringRefusal: EBPF_REFUSED },
      verdict: "warning",
      remedy: "docker run --cap-add=BPF",
    },
    {
      facts: {
        capabilities: {
          effective: ALL_CAPABILITIES,
          bounding: ALL_CAPABILITIES,
          initialNamespace: false,
        },
      },
      probe: { steeringRefusal: EBPF_REFUSED },
      verdict: "warning",
      found: "user namespace",
      remedy: "outside",
    },
    {
      facts: { seccompFilters: 2 },
      probe: { steeringRefusal: EBPF_REFUSED },
      verdict: "warning",
      found: "although CAP_BPF is there",
      remedy: "--security-opt seccomp=",
    },
    {
      probe: { steeringRefusal: "not loaded: r1 = 0; r2 = 1; another kernel" },
      verdict: "warning",
      found: "not loaded: r1 = 0; r2 = 1; the routing will be forward",
      remedy: "another kernel",
    },
    {
      facts: { capabilities: null },
      probe: { steeringRefusal: EBPF_REFUSED },
      verdict: "warning",
      found: "needs CAP_BPF",
      remedy: 'or use routing "forward"',
    },
    {
      probe: { steeringRefusal: EBPF_REFUSED },
      plan: { routing: "forward" },
      verdict: "ok",
      found: "not asked for",
    },
    {
      probe: { steeringRefusal: EBPF_REFUSED },
      plan: { workers: 1 },
      verdict: "ok",
      found: "one worker",
    },
  ],
  seccomp: [
    { verdict: "ok", found: "no filter" },
    { facts: { seccompFilters: 1 }, verdict: "ok", found: "1 filter; io_uring and eBPF are let" },
    {
      facts: { seccompFilters: 2 },
      probe: { uringRefusal: NO_RING },
      verdict: "ok",
      found: "2 filters; what is refused stands at io_uring",
    },
    { facts: { ...NO_LIBRARY, seccompFilters: 1 }, verdict: "ok", found: "1 filter" },
    { facts: { seccompFilters: null }, verdict: "not checked" },
  ],
};
