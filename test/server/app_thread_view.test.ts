/** Every pair of state and input: the table's pairs move, all others are our bug. */
import { describe, expect, test } from "bun:test";
import {
  type AppThreadInput,
  type AppThreadState,
  NEXT,
  nextThreadState,
} from "../../src/server/app_thread_view.ts";

const STATES: AppThreadState[] = ["starting", "serving", "waiting", "over"];
const INPUTS: AppThreadInput[] = ["ready", "ended", "retry", "finish"];
const LEGAL: Record<string, AppThreadState> = {
  "starting ready": "serving",
  "starting ended": "waiting",
  "starting finish": "over",
  "serving ended": "waiting",
  "serving finish": "over",
  "waiting retry": "starting",
  "waiting finish": "over",
  "over ready": "over",
  "over ended": "over",
  "over finish": "over",
};

describe.each(STATES)("%s", (state) => {
  test.each(INPUTS)(`${state}, %s`, (input) => {
    const expected = LEGAL[`${state} ${input}`];
    if (expected === undefined) expect(() => nextThreadState(state, input)).toThrow("bug in quicd");
    else expect(nextThreadState(state, input)).toBe(expected);
  });
});

test("the table has no state or input beside these", () => {
  expect(Object.keys(NEXT)).toEqual(STATES);
  const pairs = Object.values(NEXT).flatMap((inputs) => Object.keys(inputs));
  expect(pairs).toHaveLength(Object.keys(LEGAL).length);
});
