/** The workers' counters (struct quicd_counters) as plain numbers, by the names of abi.h. */
import {
  APP_VIEW_COMMAND_RING_FULL_WORD,
  APP_VIEW_SIZE,
  APP_VIEW_SLAB_EMPTY_WORD,
  COUNTERS_FIELDS,
  COUNTERS_SIZE,
} from "./abi.gen.ts";
import type { AppView, WorkerView } from "./addon.ts";
import { memoryAt } from "./library.ts";

export type Counters = Record<(typeof COUNTERS_FIELDS)[number], number>;

const TWO_TO_32 = 2 ** 32;
const INDEX = new Map<string, number>(COUNTERS_FIELDS.map((name, index) => [name, index]));
const views = new Map<number, Uint32Array>();

function viewOf(address: number, bytes: number): Uint32Array {
  let view = views.get(address);
  if (view === undefined) {
    view = new Uint32Array(memoryAt(address, bytes));
    views.set(address, view);
  }
  return view;
}

/** The sum over these workers, read while they count on: the fields are not of one moment. */
export function readCounters(workers: readonly Pick<WorkerView, "counters">[]): Counters {
  const words = workers.map(({ counters }) => viewOf(counters, COUNTERS_SIZE));
  const entries = COUNTERS_FIELDS.map((name, index) => {
    const sum = words.reduce(
      (total, view) => total + view[2 * index]! + view[2 * index + 1]! * TWO_TO_32,
      0,
    );
    return [name, sum] as const;
  });
  return Object.fromEntries(entries) as Counters;
}

/** One of them, without a look at the others: for what is watched all the time. */
export function readCounter(
  workers: readonly Pick<WorkerView, "counters">[],
  name: keyof Counters,
): number {
  const word = 2 * INDEX.get(name)!;
  let sum = 0;
  for (const { counters } of workers) {
    const view = viewOf(counters, COUNTERS_SIZE);
    sum += view[word]! + view[word + 1]! * TWO_TO_32;
  }
  return sum;
}

/** How often app threads found no room: of these, since the start. */
export function readFullness(apps: readonly Pick<AppView, "view">[]): {
  commandRing: number;
  slab: number;
} {
  const words = apps.map(({ view }) => viewOf(view, APP_VIEW_SIZE));
  const sum = (word: number) => words.reduce((total, view) => total + view[word]!, 0);
  return { commandRing: sum(APP_VIEW_COMMAND_RING_FULL_WORD), slab: sum(APP_VIEW_SLAB_EMPTY_WORD) };
}
