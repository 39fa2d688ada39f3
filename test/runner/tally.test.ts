/** A runner that miscounts hides failures, so its reading of reports is tested like a parser. */
import { expect, test } from "bun:test";
import { add, closingLine, readClosingLine, readJunit, readSkipReasons } from "./tally.ts";

const JUNIT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="1" failures="1" skipped="1" time="0.1">
  <testsuite name="a.test.ts" file="a.test.ts" tests="4">
    <testcase name="passes" classname="" time="0.0" file="a.test.ts" line="3" assertions="1" />
    <testcase name="a &lt;b&gt; &amp; c" classname="" time="0" file="a.test.ts" line="4">
      <skipped />
    </testcase>
    <testcase name="fails" classname="" time="0" file="a.test.ts" line="5">
      <failure type="AssertionError" message="no" />
    </testcase>
    <testcase name="passes too" classname="" time="0" file="a.test.ts" line="6" />
  </testsuite>
</testsuites>`;

test("counts the cases of bun's report, and names the skipped ones", () => {
  expect(readJunit(JUNIT)).toEqual({
    tally: { passed: 2, failed: 1, skipped: 1 },
    skippedNames: ["a <b> & c"],
  });
});

test.each(["", "bun test v1.4.5", "<testsuite"])("no report: %p", (text) => {
  expect(readJunit(text)).toBeNull();
});

test("the last closing line counts, with or without skips", () => {
  expect(readClosingLine("1 passed, 0 failed\nnoise\n12 passed, 3 failed, 4 skipped\n")).toEqual({
    passed: 12,
    failed: 3,
    skipped: 4,
  });
  expect(readClosingLine("5 passed, 0 failed")).toEqual({ passed: 5, failed: 0, skipped: 0 });
});

test.each(["", "group: 1 passed, 0 failed, 0 skipped", "1 passed, 0 failed, 0 skipped (2 s)"])(
  "no closing line: %p",
  (text) => {
    expect(readClosingLine(text)).toBeNull();
  },
);

test("what it prints it can read", () => {
  const sum = add({ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 });
  expect(readClosingLine(closingLine(sum))).toEqual(sum);
});

test("skip reasons are collected once each", () => {
  const output = "SKIP reason: no curl\nx\n  SKIP reason: no curl\nSKIP reason: no ip\n";
  expect(readSkipReasons(output)).toEqual(["no curl", "no ip"]);
});
