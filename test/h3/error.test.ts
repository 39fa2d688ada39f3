/** The codes, by the numbers of RFC 9114 §8.1 and RFC 9204 §6, and how far each reaches. */
import { expect, test } from "bun:test";
import { H3Error, H3ErrorCode } from "../../src/apps/h3/error.ts";

test("the registry of RFC 9114 §8.1 and RFC 9204 §6", () => {
  expect(H3ErrorCode).toEqual({
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
  });
});

test.each(Object.entries(H3ErrorCode))("%s reaches as far as the RFC says", (_name, code) => {
  const streamCodes = [0x10b, 0x10c, 0x10d, 0x10e, 0x10f];
  expect(new H3Error(code, "").scope).toBe(streamCodes.includes(code) ? "stream" : "connection");
});
