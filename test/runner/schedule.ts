/**
 * In which order a group's steps run. Most of a run's time is waiting, so that steps which only
 * wait run beside one another; those that measure or fill the machine have it to themselves.
 */
import type { Step } from "./groups.ts";

/** Steps of a group that follow one another; only those of `together` may overlap. */
export interface Stage {
  alone: readonly Step[];
  together: readonly Step[];
}

/** A build ends a stage: what stands behind it needs what it makes. */
export function stagesOf(steps: readonly Step[]): Stage[] {
  const stages: { alone: Step[]; together: Step[] }[] = [];
  let open = { alone: [] as Step[], together: [] as Step[] };
  for (const step of steps) {
    if (step.count === "none") {
      stages.push(open, { alone: [step], together: [] });
      open = { alone: [], together: [] };
    } else {
      open[step.pairs === true ? "together" : "alone"].push(step);
    }
  }
  stages.push(open);
  return stages.filter(({ alone, together }) => alone.length + together.length > 0);
}

/**
 * Runs the stages in order, at most `jobs` steps at a time. Stops before the next stage when `run`
 * says false: a build failed.
 */
export async function runStages(
  stages: readonly Stage[],
  jobs: number,
  run: (step: Step) => Promise<boolean>,
): Promise<void> {
  for (const { alone, together } of stages) {
    let good = true;
    for (const step of alone) good = (await run(step)) && good;
    const waiting = [...together];
    const runner = async () => {
      for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
        good = (await run(step)) && good;
      }
    };
    await Promise.all(Array.from({ length: jobs }, runner));
    if (!good) return;
  }
}
