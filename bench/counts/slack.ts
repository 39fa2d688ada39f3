/** How far each figure may be above its baseline. */

export interface Slack {
  share: number;
  absolute: number;
}

/** Null: shown, but no gate. */
export type SlackOf = (operation: string, figure: string) => Slack | null;

const EXACT: Slack = { share: 0, absolute: 0 };

/** In memory all repeats to the last digit; but an instruction or a byte more is no regression. */
export const MEMORY_SLACK: SlackOf = (_, figure) =>
  /(instructions|bytes|bytes out)$/.test(figure) ? { share: 0.01, absolute: 0 } : EXACT;

/** What threads did as the kernel saw it: "server worker recvmmsg". Counters go by sides. */
export function isTraced(figure: string): boolean {
  return /^(client|server) (worker|app) |^another/.test(figure);
}

/** One operation at a time, so that only sleeping and waking depend on who runs when. */
const LOCKSTEP: readonly [RegExp, Slack][] = [
  [/^(client|server) worker system calls$/, slack(0.2, 0.2)],
  [/^(client|server) worker uncounted calls$/, slack(0, 0.1)],
  [/^(client|server) (system calls|turns|sends|datagrams out|doorbells)$/, slack(0.15, 0.1)],
];

const BATCHES: readonly [RegExp, Slack][] = [
  [/^(client|server) (system calls|turns|sends|datagrams out|doorbells)$/, slack(0.5, 0.02)],
];

/** Of the side that sends; how often the other one acknowledges depends on how fast it is. */
const bulkOf = (side: string): readonly [RegExp, Slack][] => [
  [new RegExp(`^${side} datagrams out$`), slack(0.02, 0)],
  [new RegExp(`^${side} (sends|system calls)$`), slack(0.5, 0)],
];

const WIRE: Record<string, readonly [RegExp, Slack][]> = {
  request: LOCKSTEP,
  "32 requests": BATCHES,
  "datagram echo": LOCKSTEP,
  download: bulkOf("server"),
  upload: bulkOf("client"),
};

function slack(share: number, absolute: number): Slack {
  return { share, absolute };
}

/** Twice the spread that 12 runs on a busy machine had, or more: CONTRIBUTING.md. */
export const WIRE_SLACK: SlackOf = (operation, figure) => {
  const rule = WIRE[operation]?.find(([name]) => name.test(figure));
  return rule?.[1] ?? null;
};

/** A kind of system call that was not there before, each so often. */
export const NEW_CALL_SLACK = 0.1;
