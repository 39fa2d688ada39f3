/** What is made of h3spec's output, and of what expected.json says. */
import { describe, expect, test } from "bun:test";
import { caseNumber, caseText } from "../../interop/h3spec/cases.ts";
import { differences, readExpectations } from "../../interop/h3spec/expected.ts";
import { type CaseResult, parseReport } from "../../interop/h3spec/report.ts";

const PREFIX = "MUST send PROTOCOL_VIOLATION";
const NO_FRAMES = `${PREFIX} on no frames [Transport 12.4]`;
const NEW_TOKEN = `${PREFIX} if NEW_TOKEN is received [Transport 19.7]`;
const EARLY = `${PREFIX} if CRYPTO in 0-RTT is received [TLS 8.3]`;
const NO_TICKET = 'Warning: 0-RTT is not possible. Skipping this test. Use "h3spec -s 0-RTT".';

const OUTPUT = `
QUIC servers
  ${NO_FRAMES}
  ${NEW_TOKEN} FAILED [1]
${NO_TICKET}
  ${EARLY}

Failures:

  TransportError.hs:85:13:
  1) QUIC servers ${NEW_TOKEN}
       did not get expected exception:
       QUICException

  To rerun use: --match "/QUIC servers/${NEW_TOKEN}/"

Finished in 0.5 seconds
3 examples, 1 failure
`;

test("passed, failed with its detail, and what could not be tried", () => {
  expect(parseReport(OUTPUT, caseNumber)).toEqual({
    results: [
      { number: 12, outcome: "passed", detail: "" },
      {
        number: 18,
        outcome: "failed",
        detail: "did not get expected exception: QUICException",
      },
      { number: 34, outcome: "skipped", detail: "" },
    ],
    faults: [],
  });
});

describe("output that says nothing is a fault", () => {
  test.each([
    ["another protocol", `Warning: hq-interop is negotiated.\n${OUTPUT}`, "hq-interop was"],
    ["cut off", OUTPUT.slice(0, OUTPUT.indexOf("Finished")), "no closing line"],
    ["a lost line", OUTPUT.replace(`  ${NO_FRAMES}\n`, ""), '2 cases and 1 failures read of "3'],
    ["an unknown case", OUTPUT.replace("no frames", "no Sunday"), "cases.ts doesn't have"],
  ])("%s", (_name, output, fault) => {
    expect(parseReport(output, caseNumber).faults.join("\n")).toContain(fault);
  });
});

describe("differences from what is expected", () => {
  const expectations = readExpectations(
    '{ "x": { "fails": { "18": "a" }, "skipped": { "34": "b" }, "unsteady": { "25": "c" } } }',
  );
  const numbers = Array.from({ length: 49 }, (_, at) => at + 1).filter(
    (number) => ![2, 19, 20, 32].includes(number),
  );
  const results = (changed: Record<number, CaseResult["outcome"]>): CaseResult[] =>
    numbers.map((number) => ({ number, outcome: changed[number] ?? "passed", detail: "" }));
  const found = (changed: Record<number, CaseResult["outcome"]>) =>
    differences([{ results: results(changed), faults: [] }], expectations.get("x"));

  test("none", () => {
    expect(found({ 18: "failed", 34: "skipped" })).toEqual([]);
    expect(found({ 18: "failed", 34: "skipped", 25: "failed" })).toEqual([]);
  });

  test("a new failure, one that is mended, a case that was tried, one of several runs", () => {
    expect(found({ 18: "failed", 34: "skipped", 12: "failed" })).toEqual([
      "12 failed, not passed: PROTOCOL_VIOLATION on no frames",
    ]);
    expect(found({ 34: "skipped" })).toHaveLength(1);
    expect(found({ 18: "failed" })).toHaveLength(1);
    const good = { results: results({ 18: "failed", 34: "skipped" }), faults: [] };
    const lost = { results: good.results.slice(1), faults: ["it ended"] };
    expect(differences([good, lost], expectations.get("x"))).toEqual([
      "it ended",
      "run 2: 44 of 45 cases have a result",
    ]);
  });

  test("the file names cases that h3spec has, once each", () => {
    expect(readExpectations().has("quicd")).toBe(true);
    expect(() =>
      readExpectations('{"x":{"fails":{"2":"a"},"skipped":{},"unsteady":{}}}'),
    ).toThrow();
    expect(() =>
      readExpectations('{"x":{"fails":{"3":"a"},"skipped":{"3":"b"},"unsteady":{}}}'),
    ).toThrow();
    expect(() => caseText(2)).toThrow();
  });
});
