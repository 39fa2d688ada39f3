/**
 * What may come next on a request stream, RFC 9114 §4.1:
 *
 *     head --HEADERS--> body --HEADERS--> trailers
 *                      | ^ |                 |
 *                     DATA fin --> done <-- fin
 */
import { H3Error, H3ErrorCode } from "./error.ts";

export type RequestState = "head" | "body" | "trailers" | "done";
export type RequestInput = "HEADERS" | "DATA" | "fin";

/** The whole machine. A pair that is not here is the peer's error, never ours to guess at. */
export const NEXT: Record<RequestState, Partial<Record<RequestInput, RequestState>>> = {
  head: { HEADERS: "body" },
  body: { DATA: "body", HEADERS: "trailers", fin: "done" },
  trailers: { fin: "done" },
  done: {},
};

/**
 * @throws {H3Error} RequestIncomplete, a stream error, when the stream ends before HEADERS;
 *   FrameUnexpected, a connection error, for a frame out of order.
 */
export function nextRequestState(state: RequestState, input: RequestInput): RequestState {
  const next = NEXT[state][input];
  if (next !== undefined) return next;
  if (input === "fin") {
    throw new H3Error(H3ErrorCode.RequestIncomplete, `stream ended in ${state}`);
  }
  throw new H3Error(H3ErrorCode.FrameUnexpected, `${input} in ${state}`);
}
