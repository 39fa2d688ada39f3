/** Several load clients that count at the same time, as if they were one. */
import { Load, type LoadOptions, type LoadResult } from "./load.ts";

/** Sums; of times and latencies the largest. */
export function mergeResults(results: readonly LoadResult[]): LoadResult {
  const merged = { ...results[0]! };
  for (const result of results.slice(1)) {
    for (const key of Object.keys(merged) as (keyof LoadResult)[]) {
      const largest = key === "seconds" || key.startsWith("latency") || key.startsWith("handshake");
      merged[key] = largest ? Math.max(merged[key], result[key]) : merged[key] + result[key];
    }
  }
  return merged;
}

export class LoadGroup implements AsyncDisposable {
  private constructor(private readonly loads: readonly Load[]) {}

  static async start(address: string, options: readonly LoadOptions[]): Promise<LoadGroup> {
    return new LoadGroup(await Promise.all(options.map((each) => Load.start(address, each))));
  }

  async count(): Promise<LoadResult> {
    return mergeResults(await Promise.all(this.loads.map((load) => load.count())));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.loads.map((load) => load[Symbol.asyncDispose]()));
  }
}
