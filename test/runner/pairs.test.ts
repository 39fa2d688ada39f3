/** The list of steps that may run beside one another names steps that there are. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { listGroups } from "./groups.ts";
import { mayPair, PAIRS, plainName } from "./pairs.ts";

const groups = listGroups(join(import.meta.dir, "../.."), "full");

describe.each(Object.entries(PAIRS))("%s", (name, listed) => {
  const steps = groups.find((group) => group.name === name)?.steps ?? [];

  test("every name is a step's", () => {
    const there = steps.map((step) => plainName(step.name));
    expect(listed.filter((each) => !there.includes(each))).toEqual([]);
  });

  test("the steps are marked, and no others", () => {
    for (const step of steps) expect(step.pairs === true).toBe(mayPair(name, step.name));
    expect(steps.some((step) => step.pairs === true)).toBe(true);
    expect(steps.every((step) => step.pairs === true)).toBe(false);
  });
});

test.each([
  ["lib/engine_test", "engine"],
  ["tsan/engine_test", "engine"],
  ["e2e/client on syscalls", "client"],
  ["ring_fuzz", "ring_fuzz"],
])("%s is called %s", (step, name) => {
  expect(plainName(step)).toBe(name);
});

test("builds and measurements have the machine to themselves", () => {
  for (const { name, steps } of groups) {
    for (const step of steps) if (step.count === "none") expect(step.pairs === true).toBe(false);
    if (name === "bench") for (const step of steps) expect(step.pairs === true).toBe(false);
  }
  expect(mayPair("e2e", "e2e/idle_full")).toBe(false);
  expect(mayPair("e2e", "e2e/congestion_full")).toBe(false);
});
