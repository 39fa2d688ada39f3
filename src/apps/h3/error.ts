/**
 * What a peer can do wrong, with the code that tells it so: RFC 9114 §8.1 and RFC 9204 §6.
 *
 * Thrown where the fault is found and caught in one place, connection.ts, which resets the stream
 * or closes the connection.
 */

export const H3ErrorCode = {
  NoError: 0x100,
  GeneralProtocolError: 0x101,
  InternalError: 0x102,
  StreamCreationError: 0x103,
  ClosedCriticalStream: 0x104,
  FrameUnexpected: 0x105,
  FrameError: 0x106,
  ExcessiveLoad: 0x107,
  IdError: 0x108,
  SettingsError: 0x109,
  MissingSettings: 0x10a,
  RequestRejected: 0x10b,
  RequestCancelled: 0x10c,
  RequestIncomplete: 0x10d,
  MessageError: 0x10e,
  ConnectError: 0x10f,
  VersionFallback: 0x110,
  QpackDecompressionFailed: 0x200,
  QpackEncoderStreamError: 0x201,
  QpackDecoderStreamError: 0x202,
} as const;

export type ErrorScope = "stream" | "connection";

/**
 * Codes whose fault lies in one request and leaves the connection sound (RFC 9114 §4.1, §4.1.2,
 * §8).
 */
const STREAM_CODES: readonly number[] = [
  H3ErrorCode.RequestRejected,
  H3ErrorCode.RequestCancelled,
  H3ErrorCode.RequestIncomplete,
  H3ErrorCode.MessageError,
  H3ErrorCode.ConnectError,
];

export class H3Error extends Error {
  override readonly name = "H3Error";
  readonly scope: ErrorScope;

  /** `scope` defaults to what the RFC says for the code. */
  constructor(
    readonly code: number,
    reason: string,
    scope?: ErrorScope,
  ) {
    super(reason);
    this.scope = scope ?? (STREAM_CODES.includes(code) ? "stream" : "connection");
  }
}
