/** One measured run of the load client against one server. */
import { Load, type LoadOptions, type LoadResult } from "./load.ts";
import { LoadGroup } from "./load_group.ts";
import { complaints, type Noise, watchNoise } from "./machine.ts";
import type { ServerCounters } from "./servers/control.ts";
import type { Measured, Subject } from "./subject.ts";
import { droppedDatagrams, switchesOf, type Usage, usageBetween } from "./usage.ts";

export interface ThreadShare {
  name: string;
  cpuSeconds: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
}

export interface Round {
  load: LoadResult;
  cpuSeconds: number;
  systemSeconds: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
  /** Those that ran at all, busiest first. */
  threads: ThreadShare[];
  counters: ServerCounters;
  /** Of each worker, or process. */
  places: ServerCounters[];
  /** Datagrams that found the server's socket full. */
  dropped: number;
  noise: Noise;
}

function difference(before: ServerCounters, after: ServerCounters): ServerCounters {
  const since = Object.entries(after).map(([name, now]) => [name, now - (before[name] ?? 0)]);
  return Object.fromEntries(since);
}

function busyThreads(used: Usage): ThreadShare[] {
  return [...used.threads.values()]
    .filter((thread) => thread.cpuSeconds > 0)
    .sort((a, b) => b.cpuSeconds - a.cpuSeconds);
}

/**
 * `options`: of one load client, or of several at the same time.
 *
 * The server is quiet when its usage is read, before and after, so that what is counted belongs to
 * the counted requests and to nothing else.
 */
export async function measure(
  subject: Measured,
  options: LoadOptions | readonly LoadOptions[],
): Promise<Round> {
  await using load = await LoadGroup.start(subject.address, [options].flat());
  const countersBefore = await subject.counters();
  const placesBefore = await subject.places();
  const usageBefore = subject.usage();
  const droppedBefore = droppedDatagrams(subject.port);
  const watched = watchNoise();
  const result = await load.count();
  const used = usageBetween(usageBefore, subject.usage());
  const noise = {
    ...watched(used.cpuSeconds + result.cpu_seconds),
    drops: result.dropped_datagrams,
  };
  const dropped = droppedDatagrams(subject.port) - droppedBefore;
  const counters = difference(countersBefore, await subject.counters());
  const places = await subject.places();
  const { voluntary, involuntary } = switchesOf(used);
  return {
    load: result,
    cpuSeconds: used.cpuSeconds,
    systemSeconds: used.systemSeconds,
    voluntarySwitches: voluntary,
    involuntarySwitches: involuntary,
    threads: busyThreads(used),
    counters,
    places: places.map((now, index) => difference(placesBefore[index] ?? {}, now)),
    dropped,
    noise,
  };
}

/** Not counted: compiles what is hot, grows what grows. */
export async function warmUp(subject: Subject, options: LoadOptions): Promise<void> {
  await using load = await Load.start(subject.address, options);
  await load.count();
}

/** Of several rounds together. */
export function noiseOf(rounds: readonly Pick<Round, "noise">[]): Noise {
  const seconds = rounds.reduce((sum, { noise }) => sum + noise.seconds, 0);
  const mean = (key: "stealShare" | "othersShare") =>
    rounds.reduce((sum, { noise }) => sum + noise[key] * noise.seconds, 0) / seconds;
  return {
    seconds,
    stealShare: mean("stealShare"),
    othersShare: mean("othersShare"),
    drops: rounds.reduce((sum, { noise }) => sum + noise.drops, 0),
  };
}

/** Why these rounds should not be trusted; empty when they can be. */
export function complaintsOf(rounds: readonly Pick<Round, "noise">[]): string[] {
  return complaints(noiseOf(rounds));
}
