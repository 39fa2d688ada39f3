/** Under which name a failure is counted: few of them, so no addresses or stream numbers. */
import { H3Error } from "../apps/h3/error.ts";
import { ConnectError } from "../client/error.ts";
import type { CloseInfo } from "../transport/app.ts";
import { ConnectionError, StreamError } from "../transport/error.ts";

const hex = (code: number | bigint) => `0x${code.toString(16)}`;

export function failureKind(reason: unknown): string {
  if (reason instanceof ConnectError) return `no connection: ${reason.reason}`;
  if (reason instanceof H3Error) return `HTTP/3: ${reason.message}`;
  if (reason instanceof StreamError) return `stream ${reason.kind} ${hex(reason.code)}`;
  if (reason instanceof ConnectionError) return reason.message;
  return String(reason);
}

export function closeKind({ by, code }: CloseInfo): string {
  if (by === "timeout") return "connection lost: no packet came in time";
  if (by === "reset") return "connection lost: the server has forgotten it";
  return `connection closed by ${by === "peer" ? "the server" : "this side"} with ${hex(code)}`;
}
