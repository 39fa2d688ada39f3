/** Releases of Linux that make a difference. */

export type Release = readonly [major: number, minor: number];

/** Of the backend with plain system calls. */
export const OLDEST: Release = [5, 10];
/** Has all of io_uring that is used. */
export const IO_URING: Release = [6, 1];
/** Computes the checksums of a train in place of a device that cannot. */
export const SOFTWARE_CHECKSUMS: Release = [6, 11];
/** Counts io_uring's rings as locked memory, unless the process has CAP_IPC_LOCK. */
export const RINGS_ARE_LOCKED: Release = [6, 14];

/** @param kernel as `uname -r` */
export function isAtLeast(kernel: string, [major, minor]: Release): boolean {
  const [, first = 0, second = 0] = /^(\d+)\.(\d+)/.exec(kernel)?.map(Number) ?? [];
  return first > major || (first === major && second >= minor);
}
