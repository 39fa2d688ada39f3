/** What came of operations: counted, timed, and failures by kind. */
import { Latency } from "./latency.ts";

/** As it goes from thread to thread. */
export interface TallySnapshot {
  operations: number;
  sentBytes: number;
  receivedBytes: number;
  lost: number;
  errors: [kind: string, count: number][];
  latency: string;
}

export class Tally {
  /** Those that went well. */
  operations = 0;
  /** Of payload: bodies, echoed bytes, datagrams. */
  sentBytes = 0;
  receivedBytes = 0;
  /** Datagrams that did not come back: no error of anybody's. */
  lost = 0;
  readonly errors = new Map<string, number>();
  readonly latency = new Latency();

  get errorCount(): number {
    let sum = 0;
    for (const count of this.errors.values()) sum += count;
    return sum;
  }

  succeeded(latencyMs: number, sentBytes: number, receivedBytes: number): void {
    this.operations++;
    this.sentBytes += sentBytes;
    this.receivedBytes += receivedBytes;
    this.latency.record(latencyMs);
  }

  failed(kind: string, count = 1): void {
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + count);
  }

  reset(): void {
    this.operations = 0;
    this.sentBytes = 0;
    this.receivedBytes = 0;
    this.lost = 0;
    this.errors.clear();
    this.latency.reset();
  }

  snapshot(): TallySnapshot {
    const { operations, sentBytes, receivedBytes, lost } = this;
    const errors = [...this.errors];
    return { operations, sentBytes, receivedBytes, lost, errors, latency: this.latency.encode() };
  }

  add(other: TallySnapshot): void {
    this.operations += other.operations;
    this.sentBytes += other.sentBytes;
    this.receivedBytes += other.receivedBytes;
    this.lost += other.lost;
    for (const [kind, count] of other.errors) this.failed(kind, count);
    this.latency.add(other.latency);
  }
}
