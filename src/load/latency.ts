/** Latencies as an HDR histogram: microseconds, three significant digits, up to an hour. */
import * as hdr from "hdr-histogram-js";

const MICROSECONDS_MAX = 3_600_000_000;

export interface LatencySummary {
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

export class Latency {
  readonly #histogram = hdr.build({
    bitBucketSize: 32,
    autoResize: false,
    highestTrackableValue: MICROSECONDS_MAX,
    numberOfSignificantValueDigits: 3,
    // The TypeScript one: a call into WebAssembly costs more than it saves here.
    useWebAssembly: false,
  });

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(MICROSECONDS_MAX, Math.max(0, Math.round(ms * 1000))));
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** To another thread, or into a file: HdrHistogram's own compressed form, base64. */
  encode(): string {
    return hdr.encodeIntoCompressedBase64(this.#histogram);
  }

  /** Adds what another one {@link encode}d. */
  add(encoded: string): void {
    this.#histogram.add(hdr.decodeFromCompressedBase64(encoded, 32, false));
  }

  /** Microseconds; null: nothing was recorded. */
  summary(): LatencySummary | null {
    const histogram = this.#histogram;
    if (histogram.totalCount === 0) return null;
    const at = (percentile: number) => histogram.getValueAtPercentile(percentile);
    return {
      mean: Math.round(histogram.mean),
      ...{ p50: at(50), p90: at(90), p99: at(99), p999: at(99.9) },
      max: histogram.maxValue,
    };
  }
}
