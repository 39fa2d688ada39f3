/**
 * Requests that came as 0-RTT, RFC 8470: whoever recorded them may send them again, to this server
 * or to another one. Once the handshake is complete that is ruled out (§3), so only requests
 * that are dispatched before it are early.
 */
import { fieldValue, type RequestHead } from "./message.ts";

/** RFC 9110 §9.2.1: doing it twice asks for nothing more than doing it once. */
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS", "TRACE"];

export const TOO_EARLY = 425;

/**
 * What the handler gets instead of `head`: the same with `Early-Data: 1` (§5.1). Null: it is not
 * run, the client is told to come again after the handshake (§5.2).
 */
export function earlyHead(head: RequestHead): RequestHead | null {
  if (!SAFE_METHODS.includes(head.method)) return null;
  if (fieldValue(head.fields, "early-data") !== null) return head;
  return { ...head, fields: [...head.fields, "early-data", "1"] };
}
