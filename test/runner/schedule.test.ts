/** Steps that may overlap, and those that never do. */
import { expect, test } from "bun:test";
import type { Step } from "./groups.ts";
import { runStages, stagesOf } from "./schedule.ts";

function step(name: string, pairs = false, count: Step["count"] = "line"): Step {
  return { name, argv: [], limitSeconds: 1, count, pairs };
}

const GROUP = [
  step("build", false, "none"),
  step("a", true),
  step("measures"),
  step("b", true),
  step("c", true),
  step("build again", false, "none"),
  step("d", true),
];

/** Which steps are under way when one begins; each takes two turns of the clock. */
async function trace(jobs: number, failing = ""): Promise<string[]> {
  const underWay = new Set<string>();
  const seen: string[] = [];
  await runStages(stagesOf(GROUP), jobs, async ({ name, count }) => {
    underWay.add(name);
    seen.push([...underWay].join("+"));
    await Bun.sleep(1);
    await Bun.sleep(1);
    underWay.delete(name);
    return count !== "none" || name !== failing;
  });
  return seen;
}

test("two at a time, where both may; a build before what it makes", async () => {
  const seen = await trace(2);
  expect(seen.slice(0, 4)).toEqual(["build", "measures", "a", "a+b"]);
  expect(["a+c", "b+c", "c"]).toContain(seen[4]!);
  expect(seen.slice(5)).toEqual(["build again", "d"]);
});

test("with one job nothing overlaps", async () => {
  expect(await trace(1)).toEqual(["build", "measures", "a", "b", "c", "build again", "d"]);
});

test("nothing runs behind a build that failed", async () => {
  expect(await trace(2, "build")).toEqual(["build"]);
  expect(await trace(1, "build again")).toEqual([
    ...["build", "measures", "a", "b", "c", "build again"],
  ]);
});
