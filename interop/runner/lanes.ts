/**
 * Several runs at a time, each in a lab of its own. What measures a rate runs alone, after all
 * others: two of them would share the machine's processors.
 */
import type { Lab } from "../lab/lab.ts";

export interface Job {
  alone: boolean;
  /** Longest first, so that the lanes end at about the same time. */
  weight: number;
}

export interface LaneOptions<J extends Job> {
  lanes: number;
  openLab(): Promise<Lab>;
  /** Must not throw for what an endpoint did; what it throws costs the lane its lab. */
  work(lab: Lab, job: J, lane: number): Promise<void>;
  /** What `work` threw. */
  broke(job: J, error: unknown): void;
  /** No job is begun after it. */
  stop: AbortSignal;
}

export async function runLanes<J extends Job>(
  jobs: readonly J[],
  options: LaneOptions<J>,
): Promise<void> {
  const byWeight = jobs.toSorted((a, b) => b.weight - a.weight);
  const together = byWeight.filter((job) => !job.alone);
  const alone = byWeight.filter((job) => job.alone);
  const lanes = Math.max(1, Math.min(options.lanes, together.length));
  const labs: (Lab | null)[] = Array.from({ length: lanes }, () => null);
  try {
    await Promise.all(labs.map((_, lane) => work(labs, lane, together, options)));
    await work(labs, 0, alone, options);
  } finally {
    await Promise.all(labs.map((lab) => lab?.close()));
  }
}

async function work<J extends Job>(
  labs: (Lab | null)[],
  lane: number,
  queue: J[],
  options: LaneOptions<J>,
): Promise<void> {
  while (!options.stop.aborted) {
    const job = queue.shift();
    if (job === undefined) return;
    try {
      labs[lane] ??= await options.openLab();
      await options.work(labs[lane], job, lane);
    } catch (error) {
      options.broke(job, error);
      const broken = labs[lane];
      labs[lane] = null;
      await broken?.close().catch(() => {});
    }
  }
}
