/** Runs beside each other, each in a lab of its own; measurements alone. */
import { expect, test } from "bun:test";
import type { Lab } from "../../interop/lab/lab.ts";
import { type Job, runLanes } from "../../interop/runner/lanes.ts";

interface NamedJob extends Job {
  name: string;
}

const job = (name: string, weight = 1, alone = false): NamedJob => ({ name, weight, alone });

/** Labs that only count: what happens in one is another test's business. */
function labs() {
  const state = { open: 0, most: 0, opened: 0 };
  const openLab = async (): Promise<Lab> => {
    state.open += 1;
    state.opened += 1;
    state.most = Math.max(state.most, state.open);
    const close = async () => {
      state.open -= 1;
    };
    return { close } as unknown as Lab;
  };
  return { state, openLab };
}

test("as many at a time as there are lanes, the heaviest first, measurements alone", async () => {
  const { state, openLab } = labs();
  let running = 0;
  const seen: [string, number][] = [];
  const jobs = [job("G", 60, true), job("a"), job("b", 300), job("c", 60), job("C", 180, true)];
  await runLanes(jobs, {
    lanes: 2,
    openLab,
    stop: new AbortController().signal,
    broke: (_, error) => {
      throw error;
    },
    work: async (_, { name }) => {
      running += 1;
      await Bun.sleep(1);
      seen.push([name, running]);
      running -= 1;
    },
  });
  expect(seen.map(([name]) => name).slice(3)).toEqual(["C", "G"]);
  expect(seen.slice(0, 3).map(([name]) => name)).toEqual(["b", "c", "a"]);
  expect(Math.max(...seen.map(([, beside]) => beside))).toBe(2);
  expect(seen.slice(3).map(([, beside]) => beside)).toEqual([1, 1]);
  expect(state).toEqual({ open: 0, most: 2, opened: 2 });
});

test("what breaks costs its lane the lab, not the other runs", async () => {
  const { state, openLab } = labs();
  const broken: string[] = [];
  const done: string[] = [];
  await runLanes([job("a"), job("b"), job("c")], {
    lanes: 1,
    openLab,
    stop: new AbortController().signal,
    broke: ({ name }) => broken.push(name),
    work: async (_, { name }) => {
      if (name === "b") throw new Error("no");
      done.push(name);
    },
  });
  expect([broken, done]).toEqual([["b"], ["a", "c"]]);
  expect(state).toEqual({ open: 0, most: 1, opened: 2 });
});

test("nothing is begun after an interruption", async () => {
  const { state, openLab } = labs();
  const stop = new AbortController();
  const done: string[] = [];
  await runLanes([job("a"), job("b")], {
    lanes: 1,
    openLab,
    stop: stop.signal,
    broke: () => {},
    work: async (_, { name }) => {
      done.push(name);
      stop.abort();
    },
  });
  expect(done).toEqual(["a"]);
  expect(state.open).toBe(0);
});
