/** Every pair of state and input: the table's pairs move, all others are our bug. */
import { describe, expect, test } from "bun:test";
import {
  type ConnectionInput,
  type ConnectionState,
  NEXT,
  nextState,
} from "../../src/transport/lifecycle.ts";

const STATES: ConnectionState[] = [
  "Initial",
  "Handshaking",
  "Early",
  "Established",
  "Draining",
  "Closed",
];
const INPUTS: ConnectionInput[] = ["flight", "early", "established", "close", "end"];
const LEGAL: Record<string, ConnectionState> = {
  "Initial flight": "Handshaking",
  "Initial close": "Draining",
  "Initial end": "Closed",
  "Handshaking early": "Early",
  "Handshaking established": "Established",
  "Handshaking close": "Draining",
  "Handshaking end": "Closed",
  "Early established": "Established",
  "Early close": "Draining",
  "Early end": "Closed",
  "Established close": "Draining",
  "Established end": "Closed",
  "Draining end": "Closed",
};

describe.each(STATES)("%s", (state) => {
  test.each(INPUTS)(`${state}, %s`, (input) => {
    const expected = LEGAL[`${state} ${input}`];
    if (expected === undefined) expect(() => nextState(state, input)).toThrow("bug in quicd");
    else expect(nextState(state, input)).toBe(expected);
  });
});

test("the table has no state or input beside these", () => {
  expect(Object.keys(NEXT)).toEqual(STATES);
  const pairs = Object.values(NEXT).flatMap((inputs) => Object.keys(inputs));
  expect(pairs).toHaveLength(Object.keys(LEGAL).length);
});
