/**
 * The Priority field of requests, RFC 9218 §4 and §5: a structured dictionary of which two members
 * count.
 */
import type { SendStream } from "../../transport/stream.ts";

const URGENCY = /(?:^|,)[ \t]*u=([0-7])[ \t]*(?:$|[,;])/;
const INCREMENTAL = /(?:^|,)[ \t]*i(?:=\?1)?[ \t]*(?:$|[,;])/;
/** RFC 9218 §4.1. */
const DEFAULT_URGENCY = 3;

/** Tells the transport what the client wants; what can't be parsed is ignored (RFC 9218 §4). */
export function applyPriority(send: SendStream, field: string): void {
  const urgency = Number(URGENCY.exec(field)?.[1] ?? DEFAULT_URGENCY);
  const incremental = INCREMENTAL.test(field);
  if (urgency !== DEFAULT_URGENCY || incremental) send.setPriority(urgency, incremental);
}
