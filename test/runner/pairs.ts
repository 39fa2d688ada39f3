/**
 * The steps that may run beside another one of their group: they mostly wait, for a network that is
 * simulated, for a time to be up or for one another, and hold no measured time against a bound.
 * What measures speed, delay or CPU, fills the machine, or changes something that all of it shares
 * (the kernel's statistics, signals, limits) is not among them.
 */

/** Names as in the group's list; of native tests, each variant. */
export const PAIRS: Record<string, readonly string[]> = {
  native: [
    ...["amplification", "bounds", "cid_retire", "connect", "datagram", "early", "engine"],
    ...["failure", "late", "memory", "migrate", "move_wait", "new_token", "open"],
    ...[
      "preferred",
      "qlog",
      "rebinding",
      "replay",
      "reset",
      "resume",
      "retry",
      "socket_watch",
      "stream",
      "why",
    ],
  ],
  fuzz: ["fuzz", "cid_fuzz", "connect_fuzz", "packet_fuzz", "ring_fuzz", "steer_fuzz"],
  e2e: [
    ...["client", "client_resume", "close_info", "handshake_rebinding_full"],
    ...["interop_server_full", "loss_warning", "netsim_rebinding_full", "shutdown_full"],
    ...["why_link"],
  ],
};

/** What a step is called in PAIRS: without its folder, its variant, and the backend it runs on. */
export function plainName(step: string): string {
  return step
    .replace(/^.*\//, "")
    .replace(/_test$/, "")
    .replace(/ on syscalls$/, "");
}

export function mayPair(group: string, step: string): boolean {
  return PAIRS[group]?.includes(plainName(step)) ?? false;
}
