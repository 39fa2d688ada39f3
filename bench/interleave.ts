/** Rounds in turning order; a round in too noisy a machine is thrown away and taken again. */
import { turningOrder } from "./compare.ts";
import { complaints, waitForQuiet } from "./machine.ts";
import { noiseOf, type Round } from "./round.ts";

export interface Schedule {
  /** For the progress line. */
  label: string;
  rounds: number;
  /** How many rounds may be taken again. */
  retakes: number;
  /** Rounds before the first that counts: what is still cold warms up. */
  discarded?: number;
  progress: (text: string) => void;
}

export interface Taken<Subject, Result> {
  /** One result for each round, in their order. */
  of(subject: Subject): Result[];
  thrownAway: number;
}

/** How long a round may wait for a quiet machine. */
const QUIET_WAIT_MS = 10_000;

/** What is thrown away depends on the noise alone, never on the figures. */
export async function interleave<Subject extends { name: string }, Result>(
  subjects: readonly Subject[],
  schedule: Schedule,
  take: (subject: Subject, round: number) => Promise<Result>,
  roundsOf: (result: Result) => readonly Pick<Round, "noise">[],
): Promise<Taken<Subject, Result>> {
  const { label, rounds, retakes, discarded = 0, progress } = schedule;
  const taken: Map<Subject, Result>[] = [];
  let thrownAway = 0;
  while (taken.length < discarded + rounds) {
    const round = taken.length;
    const found = new Map<Subject, Result>();
    if (retakes > 0) await waitForQuiet(QUIET_WAIT_MS);
    for (const subject of turningOrder(subjects, round)) {
      const again = thrownAway > 0 ? `, ${thrownAway} thrown away` : "";
      progress(`${label}: round ${round + 1} of ${discarded + rounds}${again}, ${subject.name}`);
      found.set(subject, await take(subject, round));
    }
    const noise = noiseOf([...found.values()].flatMap(roundsOf));
    if (round >= discarded && complaints(noise).length > 0 && thrownAway < retakes) {
      thrownAway++;
      continue;
    }
    taken.push(found);
  }
  return {
    of: (subject) => taken.slice(discarded).map((found) => found.get(subject)!),
    thrownAway,
  };
}
