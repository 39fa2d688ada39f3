/**
 * Statistics of interleaved rounds. On a shared machine only the ratio of one round's figures to
 * each other says something, so everything here works on ratios taken round by round.
 */

export interface Estimate {
  median: number;
  /** Of the median, by bootstrap. */
  low: number;
  high: number;
}

const RESAMPLES = 10_000;
const LEVEL = 0.9;
const SEED = 0x9e3779b9;

/** `q` from 0 to 1; between two values it lies on the line. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The same numbers in every run: an interval must not change when it is computed again. */
function xorshift32(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Median and the 90 % interval of it. */
export function estimate(values: readonly number[]): Estimate {
  const random = xorshift32(SEED);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN)),
  );
  const tail = (1 - LEVEL) / 2;
  return {
    median: median(values),
    low: quantile(medians, tail),
    high: quantile(medians, 1 - tail),
  };
}

/** Ours to the peer's, round by round. */
export function ratios(ours: readonly number[], peers: readonly number[]): number[] {
  return ours.map((value, round) => value / (peers[round] ?? Number.NaN));
}

/**
 * There and back, and every second time another one is first: ABC, CBA, BCA, ACB, ... so that a
 * drift of the machine cancels, and whoever comes after whom.
 */
export function turningOrder<Subject>(subjects: readonly Subject[], round: number): Subject[] {
  const first = Math.floor(round / 2) % subjects.length;
  const order = [...subjects.slice(first), ...subjects.slice(0, first)];
  return round % 2 === 0 ? order : order.reverse();
}

/** The 90 % interval (Wilson's) of the share that `count` of `all` stand for. */
export function shareInterval(count: number, all: number): [number, number] {
  const z = 1.6449;
  const share = count / all;
  const middle = share + z ** 2 / (2 * all);
  const half = z * Math.sqrt((share * (1 - share)) / all + z ** 2 / (4 * all ** 2));
  const whole = 1 + z ** 2 / all;
  return [(middle - half) / whole, (middle + half) / whole];
}
