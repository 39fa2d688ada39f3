/** The forms in which trackers get our counts: of the baseline, which is a real count. */
import { expect, test } from "bun:test";
import BASELINE from "../../bench/counts/baseline.json";
import type { Counted } from "../../bench/counts/figures.ts";
import { actionEntries, bencherReport, trendLine } from "../../bench/trend.ts";

const counted = BASELINE as unknown as Counted;
const instructions = counted.memory.request!.figures["server instructions"]!;

test("one line of the trend holds every figure, on one line", () => {
  const machine = { kernel: "6.1", cpu: "a CPU", cpus: 2, bun: "1.4.5" };
  const line = trendLine(counted, { time: "2030-01-01T00:00:00Z", commit: "abc", machine });
  expect(line.figures["memory / request / server instructions"]).toBe(instructions);
  expect(JSON.stringify(line)).not.toContain("\n");
  expect(line.toolchain).toEqual(counted.toolchain);
  const operations = [counted.memory, ...Object.values(counted.wire)].flatMap(Object.values);
  const all = operations.reduce((sum, { figures }) => sum + Object.keys(figures).length, 0);
  expect(Object.keys(line.figures)).toHaveLength(all);
});

test("github-action-benchmark: name, unit and a number each, no name twice", () => {
  const entries = actionEntries(counted);
  for (const { name, unit, value } of entries) {
    expect([typeof name, typeof unit, Number.isFinite(value)]).toEqual(["string", "string", true]);
  }
  expect(new Set(entries.map(({ name }) => name)).size).toBe(entries.length);
  const name = "memory: request: server instructions";
  expect(entries).toContainEqual({ name, unit: "per request", value: instructions });
});

test("Bencher: measures are slugs, and no two become one", () => {
  const report = bencherReport(counted);
  expect(report["memory: request"]?.["server-instructions"]).toEqual({ value: instructions });
  for (const measures of Object.values(report)) {
    for (const slug of Object.keys(measures)) expect(slug).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  }
  const measures = Object.values(report).reduce((sum, one) => sum + Object.keys(one).length, 0);
  expect(measures).toBe(actionEntries(counted).length);
});
