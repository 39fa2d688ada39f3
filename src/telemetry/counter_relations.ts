/**
 * What the workers' counters (struct quicd_counters) have to do with each other, each relation
 * once. Between two sums: they hold for every worker by itself while it is at rest (a reading of a
 * running one is not of one moment), and for the sum over all.
 */
import type { Counters } from "../transport/engine.ts";

export type CounterName = keyof Counters;

export interface CounterRelation {
  /** Why it holds. */
  text: string;
  left: readonly CounterName[];
  is: "=" | "<=";
  right: readonly CounterName[];
  /** Only of the sum over all workers. */
  together?: true;
}

/** What became of a datagram: exactly one of these, or it was given to a connection. */
const OUTCOMES: readonly CounterName[] = [
  ...(["receive_truncated", "receive_malformed", "receive_unknown", "receive_forwarded"] as const),
  ...(["receive_forward_full", "receive_forward_limited", "receive_short_initial"] as const),
  ...(["receive_refused", "receive_retried", "receive_version", "receive_dead"] as const),
  "forward_unknown",
];

/** Connections that we accepted, and those that we opened. */
const BEGUN: readonly CounterName[] = ["accepted", "connects"];

function equal(
  text: string,
  left: readonly CounterName[],
  right: readonly CounterName[],
): CounterRelation {
  return { text, left, is: "=", right };
}

function within(
  text: string,
  left: readonly CounterName[],
  right: readonly CounterName[],
): CounterRelation {
  return { text, left, is: "<=", right };
}

export const COUNTER_RELATIONS: readonly CounterRelation[] = [
  equal(
    "every datagram, from the socket or from another worker, has one outcome",
    ["receive_datagrams", "forward_received"],
    [...OUTCOMES, "connection_datagrams"],
  ),
  {
    text: "what one worker forwards another one takes",
    left: ["receive_forwarded"],
    is: "=",
    right: ["forward_received"],
    together: true,
  },
  within("a completion carries one datagram or more", ["receive_calls"], ["receive_datagrams"]),
  within("so does one that was cut", ["receive_control_truncated"], ["receive_calls"]),
  within(
    "a train has one ECN field at most",
    ["receive_ecn_ect0", "receive_ecn_ect1", "receive_ecn_ce"],
    ["receive_calls"],
  ),
  within("only a known one is dropped", ["forward_unknown"], ["forward_received"]),
  within(
    "a connection refuses what it was given",
    ["connection_rejected"],
    ["connection_datagrams"],
  ),
  equal("a connection that began lives or is closed", BEGUN, ["closed", "live_connections"]),
  within("a handshake has one end at most", ["established", "handshake_timeouts"], BEGUN),
  within("only what is established is resumed", ["resumed"], ["established"]),
  within("0-RTT is of connections that began", ["early"], BEGUN),
  within("a connection in its handshake is live", ["half_open"], ["live_connections"]),
  within("one that is told no was accepted", ["accepted_refused"], ["accepted"]),
  within("each Retry answers an Initial", ["retries"], ["receive_retried"]),
  within("a token that was looked at made a connection", ["tokens_invalid"], ["accepted"]),
  within("a send has one datagram or more", ["send_calls"], ["send_datagrams"]),
  within("a failed send was one", ["send_errors"], ["send_calls"]),
  within("a refused train was a failed send", ["gso_refused"], ["send_errors"]),
  within("stateless answers are datagrams", ["send_resets", "retries"], ["send_datagrams"]),
  within("a wait is a system call", ["waits"], ["system_calls"]),
  within("a command has one outcome", ["commands_stale", "commands_invalid"], ["commands"]),
  within("a bell rings for events", ["doorbells"], ["events"]),
  within("a deleted log was begun", ["qlogs_unwanted"], ["qlogs"]),
];

/** Those that do not hold, each with its numbers; none for counters that add up. */
export function broken(
  counters: Counters,
  relations: readonly CounterRelation[] = COUNTER_RELATIONS,
): string[] {
  const sum = (names: readonly CounterName[]) =>
    names.reduce((total, name) => total + counters[name], 0);
  const show = (names: readonly CounterName[]) =>
    names.map((name) => `${name} ${counters[name]}`).join(" + ");
  return relations.flatMap(({ text, left, is, right }) => {
    const holds = is === "=" ? sum(left) === sum(right) : sum(left) <= sum(right);
    return holds ? [] : [`${text}: ${show(left)} ${is} ${show(right)}`];
  });
}

/** Of one worker by itself. */
export const RELATIONS_OF_A_WORKER = COUNTER_RELATIONS.filter(({ together }) => together !== true);
