/** The report for people. */
import type { LoadReport } from "./report.ts";

const NOUNS: Record<LoadReport["mode"], string> = {
  ...{ requests: "requests", download: "downloads", upload: "uploads" },
  ...{ echo: "echoes", datagrams: "datagrams", handshakes: "handshakes" },
};
/** Threads that used less than this share of the CPU are not named. */
const THREAD_SHARE_MIN = 0.01;

export function nounOf(mode: LoadReport["mode"]): string {
  return NOUNS[mode];
}

function number(value: number, digits = 0): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

export function durationText(us: number): string {
  if (us < 1000) return `${us} us`;
  return us < 1_000_000 ? `${(us / 1000).toFixed(2)} ms` : `${(us / 1e6).toFixed(2)} s`;
}

export function reportText(report: LoadReport): string {
  const noun = NOUNS[report.mode];
  const { operations, perSecond, seconds, latencyUs, errors, cpu, network, lost } = report;
  const rows: [name: string, value: string][] = [
    ["done", `${number(operations)} ${noun} in ${seconds.toFixed(2)} s: ${number(perSecond)}/s`],
    ["payload", payloadText(report)],
  ];
  if (report.rate !== null) {
    rows.push(["offered", `${number(report.rate)}/s, open loop`]);
  }
  if (latencyUs !== null) {
    const { p50, p90, p99, p999, max } = latencyUs;
    const parts = { p50, p90, p99, "p99.9": p999, max };
    const texts = Object.entries(parts).map(([name, us]) => `${name} ${durationText(us)}`);
    rows.push(["latency", texts.join(", ")]);
  }
  if (report.mode === "datagrams") {
    const all = operations + lost;
    const share = all === 0 ? "" : ` (${((100 * lost) / all).toFixed(2)} %)`;
    rows.push(["lost", `${number(lost)}${share}`]);
  }
  rows.push(["errors", report.errorCount === 0 ? "none" : number(report.errorCount)]);
  for (const [kind, count] of Object.entries(errors)) rows.push(["", `${number(count)} x ${kind}`]);
  rows.push(["own CPU", cpuText(report)]);
  const total = cpu.userSeconds + cpu.systemSeconds;
  const threads = cpu.threads.filter(({ cpuSeconds }) => cpuSeconds > total * THREAD_SHARE_MIN);
  rows.push(["", threads.map((t) => `${t.name} ${t.cpuSeconds.toFixed(2)} s`).join(", ")]);
  const drops = network.socketDrops === 0 ? "" : `, ${network.socketDrops} dropped: too slow here`;
  const { sentDatagrams: sent, receivedDatagrams: received } = network;
  rows.push(["network", `${number(sent)} datagrams out, ${number(received)} in${drops}`]);
  if (report.interrupted) rows.push(["", "ended by a signal: what was done until then"]);
  return `${rows.map(([name, value]) => `${name.padEnd(10)}${value}`).join("\n")}\n`;
}

function payloadText({ sentBytes, receivedBytes, seconds }: LoadReport): string {
  const speed = (bytes: number) => `${bytesText(bytes)} (${bytesText(bytes / seconds)}/s)`;
  return `${speed(sentBytes)} out, ${speed(receivedBytes)} in`;
}

function cpuText({ cpu, mode }: LoadReport): string {
  const { userSeconds, systemSeconds, usPerOperation, secondsPerGB } = cpu;
  const parts = [`${userSeconds.toFixed(2)} s user, ${systemSeconds.toFixed(2)} s system`];
  if (usPerOperation !== null) parts.push(`${usPerOperation.toFixed(1)} us for each operation`);
  const bulk = mode === "download" || mode === "upload" || mode === "echo";
  if (bulk && secondsPerGB !== null) parts.push(`${secondsPerGB.toFixed(2)} s for each GB`);
  return parts.join("; ");
}
