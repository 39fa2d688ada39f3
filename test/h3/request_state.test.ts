/** All pairs of state and input, RFC 9114 §4.1: what is legal, and the code for what is not. */
import { expect, test } from "bun:test";
import {
  nextRequestState,
  type RequestInput,
  type RequestState,
} from "../../src/apps/h3/request_state.ts";

const STATES: RequestState[] = ["head", "body", "trailers", "done"];
const INPUTS: RequestInput[] = ["HEADERS", "DATA", "fin"];
const LEGAL: Record<string, RequestState> = {
  "head HEADERS": "body",
  "body DATA": "body",
  "body HEADERS": "trailers",
  "body fin": "done",
  "trailers fin": "done",
};

test.each(STATES.flatMap((state) => INPUTS.map((input) => ({ state, input }))))(
  "$input in $state",
  ({ state, input }) => {
    const next = LEGAL[`${state} ${input}`];
    if (next !== undefined) {
      expect(nextRequestState(state, input)).toBe(next);
      return;
    }
    const code = input === "fin" ? 0x10d : 0x105;
    const scope = input === "fin" ? "stream" : "connection";
    expect(() => nextRequestState(state, input)).toThrow(expect.objectContaining({ code, scope }));
  },
);
