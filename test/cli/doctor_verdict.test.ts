/** What `quicd doctor` says about every machine that it should know, one thing wrong at a time. */
import { describe, expect, test } from "bun:test";
import { constants } from "node:os";
import { type Case, EBPF_REFUSED, judged, NO_LIBRARY, NO_RING } from "./doctor_case.ts";
import { NOBODY } from "./doctor_facts.ts";
import { KERNEL_CASES } from "./doctor_kernel_cases.ts";
import { RESOURCE_CASES } from "./doctor_resource_cases.ts";

const CASES: Record<string, Case[]> = { ...KERNEL_CASES, ...RESOURCE_CASES };

const ROWS = Object.entries(CASES).flatMap(([name, cases]) =>
  cases.map((row, index) => ({ title: `${name} ${index + 1}: ${row.verdict}`, name, row })),
);

test.each(ROWS)("$title", ({ name, row }) => {
  const { lines } = judged(row);
  const line = lines.find((other) => other.name === name);
  expect(line?.verdict).toBe(row.verdict);
  expect(line?.found).toContain(row.found ?? "");
  expect(line?.remedy).toContain(row.remedy ?? "");
});

test("a good machine has a line for each thing, and none of them needs anything", () => {
  const { lines, closing } = judged({});
  const names = lines.map(({ name }) => name);
  const rare = ["devices", "more devices"];
  expect(names.toSorted()).toEqual(
    Object.keys(CASES)
      .filter((name) => !rare.includes(name))
      .toSorted(),
  );
  expect(lines.every(({ verdict }) => verdict === "ok")).toBe(true);
  expect(closing).toBe("0 warnings, 0 problems: routing will be ebpf, backend io_uring");
});

test("whatever is wrong has a remedy, and nothing else has one", () => {
  for (const { row } of ROWS) {
    for (const { verdict, remedy, found } of judged(row).lines) {
      expect(remedy !== "").toBe(verdict === "warning" || verdict === "problem");
      expect(found).not.toBe("");
    }
  }
});

describe("the closing line says what serve would do", () => {
  test.each<[what: string, row: Omit<Case, "verdict">, closing: string]>([
    [
      "no privilege",
      { facts: NOBODY, probe: { steeringRefusal: EBPF_REFUSED } },
      "1 warning, 0 problems: routing will be forward, backend io_uring",
    ],
    [
      "a container",
      {
        facts: { ...NOBODY, seccompFilters: 1 },
        probe: { steeringRefusal: EBPF_REFUSED, uringRefusal: NO_RING },
      },
      "2 warnings, 0 problems: routing will be forward, backend syscalls",
    ],
    [
      "one worker",
      { plan: { workers: 1 } },
      "0 warnings, 0 problems: routing will be forward, backend io_uring",
    ],
    [
      "other wishes",
      { plan: { routing: "random", backend: "syscalls" } },
      "0 warnings, 0 problems: routing will be random, backend syscalls",
    ],
    [
      "a taken port",
      { probe: { portError: constants.errno.EADDRINUSE } },
      "0 warnings, 1 problem: quicd serve will not start",
    ],
    [
      "no library",
      { facts: NO_LIBRARY },
      "0 warnings, 1 problem, 8 not checked: " +
        "quicd serve falls back on Bun.serve, on the JavaScript thread",
    ],
  ])("%s", (_, row, closing) => {
    expect(judged(row).closing).toBe(closing);
  });
});
