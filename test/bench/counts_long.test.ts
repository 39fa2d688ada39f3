/** What the gate of `bench counts` is worth: see bench/counts/proof.ts. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { describe } from "../../bench/counts/baseline.ts";
import { hasCallgrind } from "../../bench/counts/memory.ts";
import { prove } from "../../bench/counts/proof.ts";
import { tracingRefused } from "../../bench/counts/wire.ts";
import { skipReason } from "../support/peer.ts";

const ROOT = join(import.meta.dir, "../..");
const TIMES = 20;
const LIMIT_MS = 3 * 3600 * 1000;

const missing = hasCallgrind() ? tracingRefused() : "valgrind is missing: ./setup";

test.skipIf(skipReason(missing))(
  "the same tree never closes the gate, each change for the worse does",
  async () => {
    const say = (line: string) => console.log(line);
    const { falseAlarms, injected } = await prove({ root: ROOT, times: TIMES, say });
    expect(falseAlarms.flatMap(({ differences }) => differences.map(describe))).toEqual([]);
    expect(injected).toHaveLength(5);
    for (const { injection, caught } of injected)
      expect([injection.name, caught]).toEqual([injection.name, true]);
  },
  LIMIT_MS,
);
