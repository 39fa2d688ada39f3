/** What a run of load is to do. Plain data: it goes to every app thread as it is. */
import type { ClientEngineOptions } from "../client/engine.ts";

/**
 * - requests, download, upload: HTTP/3, alike but for what is usual and how it is told
 * - echo: a stream's bytes come back (ALPN "echo"); datagrams: each comes back, or is lost
 * - handshakes: each operation is a connection
 */
export const MODES = ["requests", "download", "upload", "echo", "datagrams", "handshakes"] as const;
export type Mode = (typeof MODES)[number];

export const HANDSHAKES = ["full", "resumed", "0-rtt"] as const;
export type Handshake = (typeof HANDSHAKES)[number];

/** What the body of every response must be. */
export type Expectation =
  /** As long as its content-length says. */
  | { kind: "any" }
  | { kind: "length"; bytes: number }
  | { kind: "content"; content: Uint8Array }
  /** The same as the first one, whose SHA-256 is this (hex), or anything ("") . */
  | { kind: "first"; sha256: string }
  /** See pattern.ts; of any length. */
  | { kind: "pattern" };

/** A slot and its turn, a u32 both: else nobody could tell whose answer a datagram is. */
export const DATAGRAM_MIN_BYTES = 8;

export interface LoadPlan {
  url: string;
  mode: Mode;
  method: string;
  /** Lower-case name, value, ... */
  fields: readonly string[];
  /** Of a request's body, an echoed stream or a datagram. */
  payloadBytes: number;
  /** Which to wait for; null: any from 200 to 299. */
  status: number | null;
  expect: Expectation;
  handshake: Handshake;
  /** Of mode handshakes: connections under way at the same time. */
  connections: number;
  /** Operations under way on each connection. */
  streams: number;
  /** Operations a second (open loop); null: the next begins when one is done (closed loop). */
  rate: number | null;
  warmUpSeconds: number;
  seconds: number;
  /** Counted ones, instead of `seconds`. */
  operations: number | null;
  /** For a handshake, and for what is still under way at the end. */
  timeoutMs: number;
  /** JavaScript threads, each with native ones of its own. */
  threads: number;
  engine: ClientEngineOptions;
  /** PEM file of certificates to trust, or "". */
  ca: string;
  insecure: boolean;
}

/** Part `index` of `parts` of a whole number, as even as it can be. */
function shareOf(whole: number, index: number, parts: number): number {
  return Math.floor(((index + 1) * whole) / parts) - Math.floor((index * whole) / parts);
}

/** What app thread `index` of `plan.threads` does of it. */
export function planShare(plan: LoadPlan, index: number): LoadPlan {
  const { threads, rate, operations } = plan;
  const connections = shareOf(plan.connections, index, threads);
  // Operations go with connections, so that each of those has the same.
  const before = shareOf(plan.connections, 0, 1) === 0 ? 0 : connections / plan.connections;
  return {
    ...plan,
    connections,
    rate: rate === null ? null : rate * before,
    operations: operations === null ? null : shareOf(operations, index, threads),
  };
}
