/** What is told of a round, by the unit that the workload is counted in. */
import type { Figure } from "./arm_table.ts";
import type { Round } from "./round.ts";

export interface Unit {
  /** "request" or "MB". */
  name: string;
  of(round: Round): number;
  /** CPU is told in these: microseconds for a request, seconds for a gigabyte. */
  cpu: { label: string; scale: number };
  speed: { label: string; scale: number };
}

const MICRO = 1e6;
const MEGA = 1e6;
const GIGA = 1e9;

export const REQUESTS: Unit = {
  name: "request",
  of: ({ load }) => load.requests,
  cpu: { label: "us/request", scale: MICRO },
  speed: { label: "requests/s", scale: 1 },
};

/** Of bodies in `direction`; those of uploads are as long as they were asked to be. */
export function megabytes(direction: "down" | "up", bytes: number): Unit {
  const all = (round: Round) =>
    direction === "down" ? round.load.body_bytes : round.load.requests * bytes;
  return {
    name: "MB",
    of: (round) => all(round) / MEGA,
    cpu: { label: "s/GB", scale: GIGA / MEGA },
    speed: { label: "MB/s", scale: 1 },
  };
}

/** NaN where there is none: Bun.serve counts nothing. */
const counter = (round: Round, name: string): number => round.counters[name] ?? Number.NaN;

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** Of datagrams, or of requests where datagrams are not counted, those of the busiest place. */
export function busiestShare({ places }: Round): number {
  const counts = places.map((place) => place.connection_datagrams ?? place.requests ?? 0);
  return share(
    Math.max(...counts),
    counts.reduce((sum, count) => sum + count, 0),
  );
}

export function totalCpu(unit: Unit): Figure {
  return {
    label: `CPU with the client, ${unit.cpu.label}`,
    of: (round) => ((round.cpuSeconds + round.load.cpu_seconds) / unit.of(round)) * unit.cpu.scale,
    compared: true,
  };
}

export function figuresOf(unit: Unit): Figure[] {
  const per = (label: string, digits: number, of: (round: Round) => number): Figure => ({
    label: `${label} / ${unit.name}`,
    digits,
    of: (round) => of(round) / unit.of(round),
  });
  const cpu = (label: string, of: (round: Round) => number): Figure => ({
    label: `${label}, ${unit.cpu.label}`,
    of: (round) => (of(round) / unit.of(round)) * unit.cpu.scale,
  });
  return [
    { ...cpu("CPU", ({ cpuSeconds }) => cpuSeconds), compared: true },
    {
      ...cpu("", ({ systemSeconds }) => systemSeconds),
      label: "  of it in the kernel",
    },
    totalCpu(unit),
    {
      label: unit.speed.label,
      digits: 0,
      of: (round) => unit.of(round) / round.load.seconds,
      compared: true,
    },
    { label: "latency p50, us", digits: 0, of: ({ load }) => load.latency_us_p50 },
    { label: "latency p99, us", digits: 0, of: ({ load }) => load.latency_us_p99 },
    per("datagrams to it", 3, ({ load }) => load.datagrams_sent),
    per("datagrams from it", 3, ({ load }) => load.datagrams_received),
    per("context switches", 3, (round) => round.voluntarySwitches + round.involuntarySwitches),
    per("waits of workers", 3, (round) => counter(round, "waits")),
    per("kicks of workers", 3, (round) => counter(round, "kicks")),
    per("doorbells", 3, (round) => counter(round, "doorbells")),
    {
      label: "forwarded, share of datagrams",
      digits: 4,
      of: (round) =>
        share(counter(round, "receive_forwarded"), counter(round, "receive_datagrams")),
    },
    {
      label: "  wait in the ring, us each",
      digits: 1,
      of: (round) => counter(round, "forward_wait_ns") / counter(round, "forward_received") / 1000,
    },
    {
      label: "  lost, ring full / run",
      digits: 0,
      of: (round) => counter(round, "receive_forward_full"),
    },
    { label: "busiest place's share", digits: 3, of: busiestShare },
    { label: "dropped at its sockets / run", digits: 0, of: ({ dropped }) => dropped },
    { label: "packets lost / run", digits: 0, of: ({ load }) => load.lost_packets },
  ];
}
