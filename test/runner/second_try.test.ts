/** A second try must not hide what is wrong in our own code: its rule, from both sides. */
import { describe, expect, test } from "bun:test";
import {
  chooseAgain,
  type Failure,
  mayTryAgain,
  UNSTEADY_MAX,
  unsteadyLine,
} from "./second_try.ts";

interface Change {
  group?: string;
  count?: "junit" | "line" | "exit" | "none";
  exitCode?: number;
  timedOut?: boolean;
  output?: string;
  reported?: boolean;
}

function failure(change: Change = {}): Failure {
  const { group = "e2e", count = "junit", exitCode = 1, timedOut = false } = change;
  const { output = "expect(received).toBe(expected)", reported = true } = change;
  return { group, step: { count }, outcome: { exitCode, timedOut, output }, reported };
}

describe("tried again", () => {
  test.each(
    [
      ...["attack", "bench", "client", "e2e", "interop", "lab", "load", "native", "server"],
      "transport",
    ].map((group) => [group]),
  )("a test of the group %s that missed its moment", (group) => {
    expect(mayTryAgain(failure({ group }))).toBe(true);
  });

  test("a C test that could not go on", () => {
    const output = "aim_test.c:76: required: every Initial arrives";
    expect(mayTryAgain(failure({ group: "native", count: "line", output }))).toBe(true);
  });
});

describe("never tried again", () => {
  test.each(
    ["house", "wire", "h3", "http", "runner", "cli", "docs", "fuzz", "sim", "quiche"].map(
      (group) => [group],
    ),
  )("what meets no clock: %s", (group) => {
    expect(mayTryAgain(failure({ group }))).toBe(false);
  });

  test.each([
    "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010",
    "==7==ERROR: LeakSanitizer: detected memory leaks",
    "WARNING: ThreadSanitizer: data race (pid=7)",
    "SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior",
    "native/ring.c:12:3: runtime error: signed integer overflow",
    "engine_test: native/slab.c:71: take: Assertion `slab->free > 0' failed.",
    "AssertionError: bug in quicd: a chunk is released twice",
    "thread '<unnamed>' panicked at src/lib.rs:8:5",
    "panic(main thread): Segmentation fault at address 0x10",
    "oh no: Bun has crashed. This indicates a bug in Bun, not your code.",
    "server ended by SIGSEGV",
    "Segmentation fault (core dumped)",
  ])("a bug of ours: %s", (output) => {
    expect(mayTryAgain(failure({ output: `before\n${output}\nafter` }))).toBe(false);
    const native = { group: "native", count: "line", output } as const;
    expect(mayTryAgain(failure(native))).toBe(false);
  });

  test("a step at its limit", () => {
    expect(mayTryAgain(failure({ timedOut: true, exitCode: 124 }))).toBe(false);
  });

  test.each([124, 126, 127, 132, 134, 137, 139])("exit code %d", (exitCode) => {
    expect(mayTryAgain(failure({ exitCode }))).toBe(false);
  });

  test("tests that never came to their end", () => {
    expect(mayTryAgain(failure({ reported: false }))).toBe(false);
  });

  test("a build", () => {
    expect(mayTryAgain(failure({ group: "native", count: "none" }))).toBe(false);
  });
});

describe("of a run", () => {
  const many = (count: number) => Array.from({ length: count }, () => failure());

  test("as many as may be unsteady, and none beyond that", () => {
    expect(UNSTEADY_MAX).toBe(2);
    expect(chooseAgain([])).toHaveLength(0);
    expect(chooseAgain(many(2))).toHaveLength(2);
    expect(chooseAgain(many(3))).toHaveLength(0);
  });

  test("none beside a failure that stays one", () => {
    expect(chooseAgain([failure(), failure({ group: "sim" })])).toHaveLength(0);
  });
});

test("is told in one line", () => {
  expect(unsteadyLine("e2e", "e2e/client")).toBe(
    "UNSTEADY e2e / e2e/client: failed once, passed alone",
  );
});
