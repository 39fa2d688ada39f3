/** What a server of this size takes of the limits, rounded up from what was measured. */
import type { Plan } from "./facts.ts";

/** Rings of one worker: 72 KiB on Linux 6.18. */
const RINGS_BYTES = 80 * 1024;
/** With w workers and t app threads a server could not start with less than 15 + 3w + 2t. */
const OPEN_FILES = { process: 24, worker: 4, appThread: 4 } as const;

export function neededLockedMemory({ workers }: Plan): number {
  return workers * RINGS_BYTES;
}

export function neededOpenFiles({ workers, appThreads }: Plan): number {
  return OPEN_FILES.process + workers * OPEN_FILES.worker + appThreads * OPEN_FILES.appThread;
}
