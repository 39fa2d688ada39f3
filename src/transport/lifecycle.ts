/**
 * Where a connection stands; the twin of the table in native/. RFC 9000 §10.
 *
 *     Initial --flight--> Handshaking --established--> Established --close--> Draining
 *                              |                            ^
 *                              +--early--> Early --established
 *
 * `close` leads to Draining from each of the four, `end` to Closed from each of the five. In Early
 * application data flows as 0-RTT (RFC 9001 §4.6), which may be a replay.
 * `end` (the slot is free) may come from any state: a timeout sends nothing and has no draining
 * period (§10.1). App threads see a connection from Early or Established on.
 */
import { assert } from "../assert.ts";

export type ConnectionState =
  | "Initial"
  | "Handshaking"
  | "Early"
  | "Established"
  | "Draining"
  | "Closed";
export type ConnectionInput = "flight" | "early" | "established" | "close" | "end";

/** The whole machine. A pair that is not here is a bug of ours. */
export const NEXT: Readonly<
  Record<ConnectionState, Partial<Record<ConnectionInput, ConnectionState>>>
> = {
  Initial: { flight: "Handshaking", close: "Draining", end: "Closed" },
  Handshaking: { early: "Early", established: "Established", close: "Draining", end: "Closed" },
  Early: { established: "Established", close: "Draining", end: "Closed" },
  Established: { close: "Draining", end: "Closed" },
  Draining: { end: "Closed" },
  Closed: {},
};

/** @throws AssertionError for an input that the state has no place for. */
export function nextState(state: ConnectionState, input: ConnectionInput): ConnectionState {
  const next = NEXT[state][input];
  assert(next !== undefined, `connection is ${state}, came "${input}"`);
  return next;
}
