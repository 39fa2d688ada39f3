/** Errors of the transport that an application can meet. A peer's fault carries its wire code. */

import type { ErrorCode } from "./error_code.ts";

/** The stream ended before the operation was done. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  constructor(
    readonly kind: "reset" | "stopped" | "closed" | "connection-closed",
    /** The peer's application error code (RFC 9000 §20.2); 0 where there is none. */
    readonly code: ErrorCode,
    readonly streamId: number,
  ) {
    super(`stream ${streamId}: ${kind}${code === 0 ? "" : ` with code 0x${code.toString(16)}`}`);
  }
}

/** The connection ended before the operation was done. */
export class ConnectionError extends Error {
  override readonly name: string = "ConnectionError";
  constructor(
    message: string,
    readonly code: ErrorCode = 0,
  ) {
    super(message);
  }
}
