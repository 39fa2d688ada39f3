/** The life of an app thread, as its server and programs see it. */
import { assert } from "../assert.ts";

/**
 * starting: its module is being imported; serving; waiting: it ended, and is started again after a
 * delay; over: for good.
 */
export type AppThreadState = "starting" | "serving" | "waiting" | "over";
/** "ended": its Worker is gone, whatever the reason. "finish": the server stops. */
export type AppThreadInput = "ready" | "ended" | "retry" | "finish";

/** The whole machine. A pair that is not here is a bug of ours. */
export const NEXT: Readonly<
  Record<AppThreadState, Partial<Record<AppThreadInput, AppThreadState>>>
> = {
  starting: { ready: "serving", ended: "waiting", finish: "over" },
  serving: { ended: "waiting", finish: "over" },
  waiting: { retry: "starting", finish: "over" },
  /* Its Worker may still come up or go down, and a second stop is a forced one. */
  over: { ready: "over", ended: "over", finish: "over" },
};

/** @throws AssertionError for an input that the state has no place for. */
export function nextThreadState(state: AppThreadState, input: AppThreadInput): AppThreadState {
  const next = NEXT[state][input];
  assert(next !== undefined, `app thread is ${state}, came "${input}"`);
  return next;
}

/** At one moment. */
export interface AppThreadView {
  /** Its number, from 0. */
  readonly app: number;
  readonly state: AppThreadState;
  /** How often it was started again. */
  readonly restarts: number;
  /** Ends in a row since it last served for ten seconds: one that keeps failing has many. */
  readonly failures: number;
  /** Why it ended last, one line; null: it never did. */
  readonly lastFailure: string | null;
}
