/** What a run has to say: everything that was counted, as JSON has it. */
import type { LatencySummary } from "./latency.ts";
import type { LoadPlan } from "./plan.ts";
import type { ShareResult } from "./share.ts";
import { Tally } from "./tally.ts";
import type { CpuUse } from "./thread_cpu.ts";

export interface LoadReport {
  url: string;
  mode: LoadPlan["mode"];
  handshake?: LoadPlan["handshake"];
  loop: "closed" | "open";
  /** Operations a second that were offered; null in a closed loop. */
  rate: number | null;
  connections: number;
  streams: number;
  threads: number;
  workers: number;
  /** Ended by a signal before its time. */
  interrupted: boolean;
  /** Until the last operation was over. */
  seconds: number;
  /** That went well. */
  operations: number;
  perSecond: number;
  /** Payload of those: bodies, echoed bytes, datagrams. */
  sentBytes: number;
  receivedBytes: number;
  /** Datagrams that did not come back. */
  lost: number;
  errorCount: number;
  errors: Record<string, number>;
  latencyUs: LatencySummary | null;
  cpu: CpuReport;
  network: {
    sentDatagrams: number;
    receivedDatagrams: number;
    sentBytes: number;
    receivedBytes: number;
    /** Found a full buffer of ours: this side was too slow. */
    socketDrops: number;
    systemCalls: number;
  };
}

/** Of this process alone. */
export interface CpuReport extends CpuUse {
  usPerOperation: number | null;
  secondsPerGB: number | null;
}

const MICRO = 1e6;
const GB = 1e9;

export function reportOf(
  plan: LoadPlan,
  results: readonly ShareResult[],
  cpu: CpuUse,
  interrupted: boolean,
): LoadReport {
  const tally = new Tally();
  for (const result of results) tally.add(result.tally);
  const seconds = Math.max(...results.map(({ elapsedMs }) => elapsedMs)) / 1000;
  const counter = (name: keyof ShareResult["counters"]) =>
    results.reduce((sum, { counters }) => sum + counters[name], 0);
  const { operations, sentBytes, receivedBytes, lost, errorCount } = tally;
  const cpuSeconds = cpu.userSeconds + cpu.systemSeconds;
  const payload = sentBytes + receivedBytes;
  return {
    ...{ url: plan.url, mode: plan.mode },
    ...(plan.mode === "handshakes" ? { handshake: plan.handshake } : {}),
    loop: plan.rate === null ? "closed" : "open",
    ...{ rate: plan.rate, connections: plan.connections, streams: plan.streams },
    ...{ threads: plan.threads, workers: plan.engine.workers ?? 1 },
    ...{ interrupted, seconds, operations, perSecond: operations / seconds },
    ...{ sentBytes, receivedBytes, lost, errorCount },
    errors: Object.fromEntries(tally.errors),
    latencyUs: tally.latency.summary(),
    cpu: {
      ...cpu,
      usPerOperation: operations === 0 ? null : (cpuSeconds / operations) * MICRO,
      secondsPerGB: payload === 0 ? null : (cpuSeconds / payload) * GB,
    },
    network: {
      sentDatagrams: counter("send_datagrams"),
      receivedDatagrams: counter("receive_datagrams"),
      sentBytes: counter("send_bytes"),
      receivedBytes: counter("receive_bytes"),
      socketDrops: counter("socket_drops"),
      systemCalls: counter("system_calls"),
    },
  };
}
