/**
 * What happens to an application that throws: it is named in a log line and its stream or
 * connection ends.
 */

import { standardError } from "../telemetry/failure_log.ts";

/**
 * RESET_STREAM and STOP_SENDING of a failed sink: H3_INTERNAL_ERROR (RFC 9114 §8.1), for want of a
 * general one.
 */
export const SINK_FAILED_CODE = 0x102;

/** CONNECTION_CLOSE 0x1c of a failed application: INTERNAL_ERROR (RFC 9000 §20.1). */
export const TRANSPORT_INTERNAL_ERROR = 0x1;

/** On standard error, bounded: see {@link standardError}. */
export function logFailure(where: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  standardError.report(`quicd: application failed, ${where}: ${text}`);
}
