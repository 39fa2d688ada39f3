/** No error code is rounded: up to 2^53 - 1 a number, above that a bigint (RFC 9000 §16). */
import { expect, test } from "bun:test";
import {
  COMMAND_ERROR_CODE_WORD,
  COMMAND_KIND_WORD,
  COMMAND_RESET,
  COMMAND_STOP,
  EVENT_STREAM_RESET,
  EVENT_STREAM_STOPPED,
} from "../../src/native/abi.gen.ts";
import {
  checkErrorCode,
  ERROR_CODE_MAX,
  errorCodeHigh,
  errorCodeLow,
  errorCodeOf,
} from "../../src/transport/error_code.ts";
import { Fixture } from "./fixture.ts";

const OURS = { connection: 0, connectionGeneration: 1 };
const CODES = [
  0,
  1,
  0x10c,
  2 ** 31,
  2 ** 32,
  2 ** 32 + 1,
  Number.MAX_SAFE_INTEGER,
  BigInt(Number.MAX_SAFE_INTEGER) + 1n,
  2n ** 60n + 12_345_678_901n,
  ERROR_CODE_MAX,
];

test("both ways through two words", () => {
  for (const code of CODES) {
    expect(errorCodeOf(errorCodeLow(code), errorCodeHigh(code))).toBe(code);
    expect(() => checkErrorCode(code)).not.toThrow();
  }
  // A small bigint is the same code as its number.
  expect(errorCodeOf(errorCodeLow(7n), errorCodeHigh(7n))).toBe(7);
});

test("what is no code is refused before anything is sent", () => {
  const fixture = new Fixture();
  const { connection } = fixture.connect();
  const { stream } = fixture.openStream();
  const inexact = Number.MAX_SAFE_INTEGER + 1;
  for (const bad of [-1, 1.5, Number.NaN, inexact, -1n, ERROR_CODE_MAX + 1n]) {
    for (const call of [
      () => stream.send!.reset(bad),
      () => stream.stop(bad),
      () => connection.close(bad),
    ]) {
      expect(call).toThrow(RangeError);
    }
  }
  expect(connection.open).toBe(true);
  expect(fixture.native.consume(0)).toEqual([]);
});

test("a stream's codes, out and in", () => {
  for (const code of CODES) {
    const fixture = new Fixture();
    fixture.connect();
    const sink = fixture.openStream();
    sink.stream.send!.reset(code);
    sink.stream.stop(code);
    const commands = fixture.native.consume(0);
    expect(commands.map((command) => command[COMMAND_KIND_WORD]!)).toEqual([
      COMMAND_RESET,
      COMMAND_STOP,
    ]);
    for (const command of commands) {
      const low = command[COMMAND_ERROR_CODE_WORD]!;
      expect(errorCodeOf(low, command[COMMAND_ERROR_CODE_WORD + 1]!)).toBe(code);
    }
    const second = fixture.openStream(4);
    const place = { ...OURS, stream: 1, streamGeneration: 1, streamId: 4, errorCode: code };
    fixture.native.emit(0, { kind: EVENT_STREAM_RESET, ...place });
    fixture.native.emit(0, { kind: EVENT_STREAM_STOPPED, ...place });
    fixture.turn();
    expect(second.calls.slice(-2)).toEqual([`reset ${code}`, `stopped ${code}`]);
  }
});
