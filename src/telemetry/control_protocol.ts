/**
 * What is said at a control socket: JSON, a line for each request and one for each answer, in
 * order.
 *
 *     {"ask":"why","id":"3f"}     {"ok":true,"pid":7,"report":{...}}
 *     {"ask":"list"}              {"ok":true,"pid":7,"reports":[...],"more":0}
 *                                 {"ok":false,"pid":7,"error":"unknown","message":"..."}
 */
import type { WhyReport } from "./why_report.ts";

export type ControlRequest = { ask: "why"; id: string } | { ask: "list" };

export type ControlError = "unknown" | "ambiguous" | "bad-request" | "failed";

export type ControlAnswer =
  | { ok: true; pid: number; report: WhyReport }
  | { ok: true; pid: number; reports: WhyReport[]; more: number }
  | { ok: false; pid: number; error: ControlError; message: string; ids?: readonly string[] };

/** Longer lines are not read. */
export const REQUEST_BYTES_MAX = 1024;

/** Null for what is none. */
export function parseRequest(line: string): ControlRequest | null {
  const value = parsed(line);
  if (typeof value !== "object" || value === null || !("ask" in value)) return null;
  if (value.ask === "list") return { ask: "list" };
  if (value.ask !== "why" || !("id" in value) || typeof value.id !== "string") return null;
  return { ask: "why", id: value.id };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
