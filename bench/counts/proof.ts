/**
 * `bun run bench counts --prove`: what the gate is worth. The same tree again and again must not
 * close it (A/A), and each change of injections.ts must.
 */
import { join } from "node:path";
import { allDifferences, type Difference, describe, isFailure } from "./baseline.ts";
import { countAll } from "./count.ts";
import { type Counted, select } from "./figures.ts";
import { type Injection, injections, TreeCopy } from "./injections.ts";

export interface Proof {
  /** Runs of the same tree that closed the gate, and the figures that did. */
  falseAlarms: { run: number; differences: Difference[] }[];
  injected: { injection: Injection; seen: Difference[]; caught: boolean }[];
}

export interface ProofOptions {
  root: string;
  /** How often the tree as it is runs against itself. */
  times: number;
  say: (line: string) => void;
}

/** The reference is the tree as it is, counted here and now: no baseline of other compilers. */
export async function prove({ root, times, say }: ProofOptions): Promise<Proof> {
  const reference = await countAll(root);
  const proof: Proof = { falseAlarms: [], injected: [] };
  for (let run = 1; run <= times; run++) {
    const found = allDifferences(reference, await countAll(root)).filter(isFailure);
    if (found.length > 0) proof.falseAlarms.push({ run, differences: found });
    say(`A/A ${run} of ${times}: ${found.length === 0 ? "no alarm" : "FALSE ALARM"}`);
    for (const difference of found) say(`  ${describe(difference)}`);
  }
  using copy = new TreeCopy(root, join(root, "build/counts/injected"));
  for (const injection of injections(reference.memory)) {
    copy.inject(injection);
    const only = { tier: injection.seenIn, operation: injection.operation };
    const counted = await countAll(copy.path, only);
    const expected: Counted = select(reference, only);
    const seen = allDifferences(expected, counted).filter(isFailure);
    const caught = seen.some(({ figure }) => figure === injection.figure);
    proof.injected.push({ injection, seen, caught });
    say(`${caught ? "caught" : "MISSED"}  ${injection.name}, by ${seen.length} figures, such as`);
    for (const difference of seen.slice(0, 3)) say(`  ${describe(difference)}`);
    copy.restore(injection);
  }
  return proof;
}
