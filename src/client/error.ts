/** Why there is no connection, in words. */
import { constants } from "node:os";
import {
  REFUSED_CLOSED,
  REFUSED_FULL,
  REFUSED_LIMIT,
  REFUSED_SYSTEM,
  REFUSED_TOO_LARGE,
} from "../native/abi.gen.ts";
import type { CloseInfo } from "../transport/app.ts";
import { ConnectionError } from "../transport/error.ts";
import type { ErrorCode } from "../transport/error_code.ts";

/**
 * - resolve: the name has no address
 * - unreachable: the system found no way, or the host said that nobody listens
 * - timeout: no answer, or none that completed the handshake in time
 * - refused: the server wants no connection now (RFC 9000 §20.1, CONNECTION_REFUSED)
 * - certificate: we do not trust the server's, or it is another name's
 * - client-certificate: the server wants one, or does not trust ours
 * - alpn: no common application protocol (RFC 7301 §3.2)
 * - tls: another failure of the TLS handshake
 * - transport, application: closed during the handshake with that kind of code
 * - local: too many connections, or the client was closed
 */
export type ConnectFailure =
  | ("resolve" | "unreachable" | "timeout" | "refused" | "certificate" | "client-certificate")
  | ("alpn" | "tls" | "transport" | "application" | "local");

export class ConnectError extends ConnectionError {
  override readonly name = "ConnectError";

  /**
   * `code`: as on the wire (RFC 9000 §20), the system's errno for "unreachable", else 0. `alert`:
   * of TLS (RFC 8446 §6), or null.
   */
  constructor(
    readonly reason: ConnectFailure,
    /** Who ended it. */
    readonly by: CloseInfo["by"],
    message: string,
    code: ErrorCode = 0,
    readonly alert: number | null = null,
  ) {
    super(message, code);
  }
}

/** RFC 9000 §20.1: 0x0100 to 0x01ff carry a TLS alert. */
const CRYPTO_ERROR = 0x100;
const ALERT_MAX = 0xff;

/** RFC 8446 §6. */
const ALERTS: Readonly<Record<number, string>> = {
  10: "unexpected message",
  40: "handshake failure",
  42: "bad certificate",
  43: "unsupported certificate",
  44: "certificate revoked",
  45: "certificate expired",
  46: "certificate unknown",
  47: "illegal parameter",
  48: "unknown CA",
  49: "access denied",
  50: "decode error",
  51: "decrypt error",
  70: "protocol version",
  71: "insufficient security",
  80: "internal error",
  86: "inappropriate fallback",
  90: "user cancelled",
  109: "missing extension",
  110: "unsupported extension",
  112: "unrecognized name",
  113: "bad certificate status response",
  115: "unknown PSK identity",
  116: "certificate required",
  120: "no application protocol",
};
const CERTIFICATE_ALERTS: readonly number[] = [42, 43, 44, 45, 46, 48, 113];
const NO_APPLICATION_PROTOCOL = 120;
const CERTIFICATE_REQUIRED = 116;

/** RFC 9000 §20.1. */
const TRANSPORT_CODES: Readonly<Record<number, string>> = {
  0: "NO_ERROR",
  1: "INTERNAL_ERROR",
  2: "CONNECTION_REFUSED",
  3: "FLOW_CONTROL_ERROR",
  4: "STREAM_LIMIT_ERROR",
  5: "STREAM_STATE_ERROR",
  6: "FINAL_SIZE_ERROR",
  7: "FRAME_ENCODING_ERROR",
  8: "TRANSPORT_PARAMETER_ERROR",
  9: "CONNECTION_ID_LIMIT_ERROR",
  10: "PROTOCOL_VIOLATION",
  11: "INVALID_TOKEN",
  12: "APPLICATION_ERROR",
  13: "CRYPTO_BUFFER_EXCEEDED",
  14: "KEY_UPDATE_ERROR",
  15: "AEAD_LIMIT_REACHED",
  16: "NO_VIABLE_PATH",
  17: "VERSION_NEGOTIATION_ERROR",
};
const CONNECTION_REFUSED = 2;

/** `target`: what was connected to, for the message. */
export function handshakeFailure(info: CloseInfo, target: string): ConnectError {
  const { by, code } = info;
  const failed = (reason: ConnectFailure, text: string, alert: number | null = null) =>
    new ConnectError(reason, by, `cannot connect to ${target}: ${text}`, code, alert);
  const said = info.reason === "" ? "" : `: ${info.reason}`;
  const hex = `0x${code.toString(16)}`;
  if (by === "timeout") return failed("timeout", "no answer in time");
  if (by === "reset") return failed("transport", "the server has forgotten the connection");
  if (info.application) {
    return failed("application", `closed by ${whose(by)} with application code ${hex}${said}`);
  }
  // Transport codes are small; what is no number is none of them.
  const known = Number(code);
  const alert = known - CRYPTO_ERROR;
  if (alert >= 0 && alert <= ALERT_MAX) return tlsFailure(info, alert, failed);
  if (code === CONNECTION_REFUSED && by === "peer") {
    return failed("refused", `the server refuses new connections${said}`);
  }
  const name = TRANSPORT_CODES[known] ?? hex;
  return failed("transport", `closed by ${whose(by)} with ${name}${said}`);
}

function tlsFailure(
  { by, reason }: CloseInfo,
  alert: number,
  failed: (reason: ConnectFailure, text: string, alert: number) => ConnectError,
): ConnectError {
  const said = reason === "" ? "" : `: ${reason}`;
  const from = by === "local" ? "ours" : "the server's";
  const name = `TLS alert ${alert} of ${from}, ${ALERTS[alert] ?? "without a name"}`;
  if (alert === NO_APPLICATION_PROTOCOL) {
    return failed("alpn", `no common application protocol (${name})${said}`, alert);
  }
  const certificate = CERTIFICATE_ALERTS.includes(alert);
  if (certificate && by === "local") {
    const fault = /mismatch/i.test(reason) ? "of another name" : "not trusted";
    return failed("certificate", `the server's certificate is ${fault} (${name})${said}`, alert);
  }
  if (certificate || alert === CERTIFICATE_REQUIRED) {
    return failed("client-certificate", `the client's certificate is refused (${name})`, alert);
  }
  return failed("tls", `the TLS handshake failed (${name})${said}`, alert);
}

function whose(by: CloseInfo["by"]): string {
  return by === "local" ? "this side" : "the server";
}

/** `refusal`: enum quicd_refusal. */
export function notStarted(refusal: number, errno: number, target: string): ConnectError {
  const failed = (reason: ConnectFailure, text: string, code = 0) =>
    new ConnectError(reason, "local", `cannot connect to ${target}: ${text}`, code);
  if (refusal === REFUSED_SYSTEM) return failed("unreachable", errnoName(errno), errno);
  if (refusal === REFUSED_CLOSED) return failed("local", "the client was closed");
  if (refusal === REFUSED_TOO_LARGE) return failed("local", "session and name are too long");
  if (refusal === REFUSED_FULL || refusal === REFUSED_LIMIT) {
    return failed("local", "this client has as many connections as it may have");
  }
  return failed("local", "session or name is not of this program: drop the session");
}

function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found?.[0] ?? `errno ${errno}`;
}

/** Whether the peer had a word in it: such a failure tells more than silence. */
function reached(error: unknown): boolean {
  const silent: readonly string[] = ["resolve", "unreachable", "timeout", "local"];
  return error instanceof ConnectError && !silent.includes(error.reason);
}

/** Of two failures on the way to the same name, the one that tells more. */
export function moreTelling(one: unknown, other: unknown): unknown {
  return !reached(one) && reached(other) ? other : one;
}
