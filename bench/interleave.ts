/** Rounds in turning order; a round in too noisy a machine is thrown away and taken again. */
import { turningOrder } from "./compare.ts";
import { complaints, waitForQuiet } from "./machine.ts";
import type { Rivals } from "./rivals.ts";
import { noiseOf, type Round } from "./round.ts";
import type { Subject } from "./subject.ts";

export interface Schedule {
  /** For the progress line. */
  label: string;
  rounds: number;
  /** How many rounds may be taken again. */
  retakes: number;
  progress: (text: string) => void;
}

export interface Taken<Result> {
  ours: Result[];
  peer: Result[];
  thrownAway: number;
}

/** How long a round may wait for a quiet machine. */
const QUIET_WAIT_MS = 10_000;

/** What is thrown away depends on the noise alone, never on the figures. */
export async function interleave<Result>(
  rivals: Rivals,
  schedule: Schedule,
  take: (subject: Subject, round: number) => Promise<Result>,
  roundsOf: (result: Result) => readonly Round[],
): Promise<Taken<Result>> {
  const taken: Taken<Result> = { ours: [], peer: [], thrownAway: 0 };
  while (taken.ours.length < schedule.rounds) {
    const round = taken.ours.length;
    const found = new Map<Subject, Result>();
    if (schedule.retakes > 0) await waitForQuiet(QUIET_WAIT_MS);
    for (const subject of turningOrder(rivals.both, round)) {
      const again = taken.thrownAway > 0 ? `, ${taken.thrownAway} thrown away` : "";
      const { label, rounds, progress } = schedule;
      progress(`${label}: round ${round + 1} of ${rounds}${again}, ${subject.name}`);
      found.set(subject, await take(subject, round));
    }
    const ours = found.get(rivals.ours)!;
    const peer = found.get(rivals.peer)!;
    const noise = noiseOf([...roundsOf(ours), ...roundsOf(peer)]);
    if (complaints(noise).length > 0 && taken.thrownAway < schedule.retakes) {
      taken.thrownAway++;
      continue;
    }
    taken.ours.push(ours);
    taken.peer.push(peer);
  }
  return taken;
}
