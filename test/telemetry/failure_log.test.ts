/** One line for each failure, as long as a person could read them. */
import { describe, expect, test } from "bun:test";
import { FailureLog, oneLine } from "../../src/telemetry/failure_log.ts";

test("a flood is cut to ten lines and one for each second; what is left out is counted", () => {
  const written: string[] = [];
  let nowMs = 0;
  const log = new FailureLog(
    (line) => written.push(line),
    () => nowMs,
  );
  for (let i = 0; i < 25; i++) log.report(`line ${i}`);
  expect(written).toEqual(Array.from({ length: 10 }, (_, i) => `line ${i}`));
  nowMs += 999;
  log.report("early");
  nowMs += 1;
  log.report("in time");
  expect(written.slice(10)).toEqual(["in time (16 more before it not shown)"]);
  nowMs += 60_000;
  for (let i = 0; i < 11; i++) log.report("again");
  expect(written.slice(11)).toEqual(Array.from({ length: 10 }, () => "again"));
});

describe("a failure in one line", () => {
  test.each([
    ["an error's stack", stackOf(new TypeError("no such thing")), /^TypeError: no such thing \(/],
    [
      "a listing of a Worker",
      '3 | const a = "error: not me";\n4 | throw new Error("on purpose");\n' +
        "                    ^\nerror: on purpose\n      at <anonymous> (/app.ts:4:11)\n" +
        "      at f (/other.ts:1:1)\n",
      /^Error: on purpose \(\/app.ts:4:11\)$/,
    ],
    ["a syntax error", "SyntaxError: Unexpected ;\n", /^SyntaxError: Unexpected ;$/],
    ["a place without a function", "error: a\n  at /app.ts:4:11\n", /^Error: a \(\/app.ts:4:11\)$/],
    ["a thrown string", "just a string", /^just a string$/],
    ["nothing", "", /^no reason$/],
    ["a long one", `Error: ${"x".repeat(5000)}`, /^Error: x{293}$/],
  ])("%s", (_, text, expected) => {
    expect(oneLine(text)).toMatch(expected);
    expect(oneLine(text)).not.toContain("\n");
  });
});

function stackOf(error: Error): string {
  return error.stack ?? "";
}
