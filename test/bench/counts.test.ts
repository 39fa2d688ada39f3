/** The arithmetic of `bench counts`: a gate that compares wrongly looks like one that is open. */
import { expect, test } from "bun:test";
import BASELINE from "../../bench/counts/baseline.json";
import { allDifferences, describe, differences, isFailure } from "../../bench/counts/baseline.ts";
import { inclusiveCosts, ownCosts, totalCost } from "../../bench/counts/callgrind.ts";
import type { Counted, Counts } from "../../bench/counts/figures.ts";
import { MEMORY_SLACK } from "../../bench/counts/slack.ts";
import { callsBetweenMarks } from "../../bench/counts/wire.ts";

const REPORT = `# callgrind format
events: Ir

fn=(1) main
0 5
cfn=(2) turn
calls=3 0
0 100
cfn=(3) memcpy
calls=1 0
0 7

fn=(2)
0 60
cfn=(3)
calls=2 0
0 40

fn=(3)
0 47

totals: 112
`;

test("callgrind's report: with what was called, and without", () => {
  const costs = inclusiveCosts(REPORT);
  expect(costs.get("turn")).toBe(100);
  expect(costs.get("memcpy")).toBe(47);
  expect(Object.fromEntries(ownCosts(REPORT))).toEqual({ turn: 60, memcpy: 47, main: 5 });
  expect(totalCost(REPORT)).toBe(112);
  expect(() => totalCost("")).toThrow("no line of totals");
});

const TRACE = `7 read(3,  <unfinished ...>
7 getppid() = 1
8 epoll_pwait2(6 <unfinished ...>
7 <... read resumed>"", 8) = 8
8 <... epoll_pwait2 resumed>, [], 64, NULL, NULL, 8) = 0
8 sendmmsg(5, [...], 1, MSG_DONTWAIT) = 1
8 sendmmsg(5, [...], 1, MSG_DONTWAIT) = 1
7 getppid() = 1
8 close(5) = 0
`;

test("a trace is cut at its marks, and a call that was interrupted is one", () => {
  const calls = callsBetweenMarks(TRACE);
  expect([...calls.keys()]).toEqual(["8"]);
  expect(Object.fromEntries(calls.get("8")!)).toEqual({ epoll_pwait2: 1, sendmmsg: 2 });
  expect(() => callsBetweenMarks(TRACE.replace("7 getppid() = 1\n", ""))).toThrow("1 marks");
});

const counts = (figures: Record<string, number>): Counts => ({
  request: { unit: "request", figures },
});
const was = counts({ "server instructions": 1000, "server allocations": 6.4, "server sends": 0 });
const verdicts = (now: Record<string, number>) =>
  differences(was, counts(now), MEMORY_SLACK).map(({ figure, verdict }) => `${figure} ${verdict}`);

test("instructions may rise by 1 %, what is exact by nothing", () => {
  const same = { "server allocations": 6.4, "server sends": 0 };
  expect(verdicts({ ...same, "server instructions": 1010 })).toEqual([]);
  expect(verdicts({ ...same, "server instructions": 1011 })).toEqual(["server instructions worse"]);
  expect(verdicts({ ...same, "server instructions": 980 })).toEqual(["server instructions better"]);
  const more = { "server instructions": 1000, "server allocations": 6.401, "server sends": 0.001 };
  expect(verdicts(more)).toEqual(["server allocations worse", "server sends worse"]);
});

test("a figure that appears or disappears closes the gate; a better one does not", () => {
  const found = differences(was, counts({ "server instructions": 900, copies: 1 }), MEMORY_SLACK);
  expect(found.map(({ verdict }) => verdict)).toEqual(["better", "gone", "gone", "new"]);
  expect(found.filter(isFailure)).toHaveLength(3);
  expect(describe(found[0]!)).toMatch(/better\s+request\s+server instructions\s+1000 -> 900 \(-10/);
});

test("with other compilers only what does not depend on them is compared", () => {
  const baseline: Counted = { toolchain: ["clang 14"], memory: was, wire: {} };
  const worse = counts({ "server instructions": 2000, "server allocations": 7, "server sends": 0 });
  const by = (toolchain: string[]) =>
    allDifferences(baseline, { toolchain, memory: worse, wire: {} }).map(({ figure }) => figure);
  expect(by(["clang 14", "glibc"])).toEqual(["server instructions", "server allocations"]);
  expect(by(["clang 15"])).toEqual(["server allocations"]);
});

test("over sockets: what varies has room, a new kind of system call has little", () => {
  const wire = (figures: Record<string, number>): Counted => {
    const operation = { unit: "request", figures };
    return { toolchain: [], memory: {}, wire: { syscalls: { request: operation } } };
  };
  const baseline = wire({
    "server worker system calls": 6,
    "server kicks": 0.1,
    "server sends": 1,
  });
  const found = (now: Record<string, number>) =>
    allDifferences(baseline, wire({ "server sends": 1, "server kicks": 5, ...now }));
  expect(found({ "server worker system calls": 7, "server worker getsockopt": 0.003 })).toEqual([]);
  const [worse, kind] = found({ "server worker system calls": 8, "server worker getpid": 2 });
  expect(worse).toMatchObject({ operation: "syscalls: request", verdict: "worse" });
  expect(kind).toMatchObject({ figure: "server worker getpid", verdict: "new", now: 2 });
  // Where tracing is forbidden the rest still counts.
  expect(found({}).map(({ figure }) => figure)).toEqual([]);
  expect(found({ "server sends": 2 }).map(({ verdict }) => verdict)).toEqual(["worse"]);
});

test("the baseline has every operation, and figures that are possible", () => {
  const { memory } = BASELINE as unknown as Counted;
  expect(Object.keys(memory)).toHaveLength(8);
  for (const { figures } of Object.values(memory)) {
    expect(figures["server instructions"]).toBeGreaterThan(1000);
    expect(figures["client instructions"]).toBeGreaterThan(1000);
  }
  const sends = memory.download!.figures["server sends"]!;
  const datagrams = memory.download!.figures["server datagrams out"]!;
  expect(datagrams / sends).toBeGreaterThan(10);
});
