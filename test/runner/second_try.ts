/**
 * Which failed steps are run once more. A test that meets a clock or a network can fail because
 * the machine is shared with others; what is wrong in our own code shows itself in other ways, and
 * those are never tried again.
 */
import type { Outcome } from "./command.ts";
import type { Step } from "./groups.ts";

/** Steps of one run that may have needed their second try. One more is no accident. */
export const UNSTEADY_MAX = 2;

/** The groups whose steps meet a clock or a network. */
const MEETS_A_CLOCK = new Set([
  ...["attack", "bench", "client", "e2e", "interop", "lab", "load", "native", "server"],
  "transport",
]);

/** Exit codes of timeout(1) and of shells: a limit, a program that is not there, a signal. */
const NO_OWN_EXIT_CODE = 124;

/** A bug of ours, whatever the machine was doing. */
const OUR_BUG: readonly RegExp[] = [
  /\b(Address|Leak|Memory|Thread|UndefinedBehavior)Sanitizer\b/,
  /: runtime error: /, // UBSan's own line
  /: Assertion `.*' failed/, // assert(3)
  /\bbug in quicd: /, // src/assert.ts
  /\bpanicked at\b/, // Rust
  /\bpanic\(|Bun has crashed/,
  /\bSIG(ABRT|BUS|FPE|ILL|SEGV|SYS|TRAP)\b/,
  /Segmentation fault|core dumped|^Aborted/m,
];

export interface Failure {
  group: string;
  step: Pick<Step, "count">;
  outcome: Pick<Outcome, "exitCode" | "timedOut" | "output">;
  /** Bun wrote its report: the tests ran to their end. */
  reported: boolean;
}

/** Whether the machine may be to blame, and a second try can show it. */
export function mayTryAgain({ group, step, outcome, reported }: Failure): boolean {
  if (!MEETS_A_CLOCK.has(group) || step.count === "none") return false;
  if (outcome.timedOut || outcome.exitCode >= NO_OWN_EXIT_CODE) return false;
  if (step.count === "junit" && !reported) return false;
  return !OUR_BUG.some((sign) => sign.test(outcome.output));
}

/** Those of a run's failures that are tried again: none where the run has failed in any case. */
export function chooseAgain<T extends Failure>(failures: readonly T[]): T[] {
  const chosen = failures.filter(mayTryAgain);
  return chosen.length === failures.length && chosen.length <= UNSTEADY_MAX ? chosen : [];
}

/** One line for the run and one for its end. */
export function unsteadyLine(group: string, step: string): string {
  return `UNSTEADY ${group} / ${step}: failed once, passed alone`;
}
