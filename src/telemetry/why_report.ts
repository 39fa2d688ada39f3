/**
 * What a connection waits for, for people and programs: the worker's numbers with words to them.
 */

import type { SocketAddress } from "../transport/app.ts";
import { ConnectionSnapshot } from "../transport/connection_snapshot.ts";
import type { LiveConnection, WhyNumbers } from "../transport/engine.ts";

/** enum quicd_cause, in its order. */
export const CAUSES = [
  "closing",
  "anti-amplification",
  "handshake",
  "peer-window",
  "peer-stream-window",
  "event-ring",
  "event-bound",
  "unreleased-chunks",
  "receive-buffers",
  "send-buffers",
  "congestion",
  "pacing",
  "sending",
  "unread-events",
  "application",
  "acknowledgements",
  "idle",
] as const;
export type Cause = (typeof CAUSES)[number];

/** enum quicd_connection_state, in its order. */
const STATES = [
  "free",
  "initial",
  "handshaking",
  "established",
  "draining",
  "closed",
  "early",
] as const;

export interface WhyStream {
  id: number;
  /** Written by the application, waiting in the worker. */
  queuedBytes: number;
  /** What the peer still takes; null: unknown. */
  windowBytes: number | null;
  /** Read and not released by the application. */
  chunks: number;
}

/** Bytes and milliseconds; null where nothing bounds, or nothing happened yet. */
export interface WhyReport {
  connectionId: string;
  role: "server" | "client";
  state: (typeof STATES)[number];
  peerAddress: SocketAddress;
  alpn: string;
  worker: number;
  cause: Cause;
  /** All that hold, the verdict's first. */
  causes: Cause[];
  /** One line. */
  verdict: string;
  ageMs: number;
  receivedMsAgo: number | null;
  sentMsAgo: number | null;
  nextTimerMs: number | null;
  roundTripMs: number;
  congestionWindowBytes: number;
  bytesInFlight: number;
  peerWindowBytes: number | null;
  amplificationBytes: number | null;
  pacingMs: number;
  queuedBytes: number;
  unsentBytes: number;
  unsentDatagrams: number;
  openStreams: number;
  blockedStreams: number;
  pausedStreams: number;
  unansweredStreams: number;
  /** Not taken by the application, and how many it may have. */
  events: number;
  eventsMax: number;
  chunks: number;
  ringRoom: number;
  ringCapacity: number;
  receiveBuffersFree: number;
  /** At most 8 that wait for something. */
  streams: WhyStream[];
}

function bounded(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function milliseconds(microseconds: number): number | null {
  return Number.isFinite(microseconds) ? microseconds / 1000 : null;
}

/** The number as people read it: 12, 3.4 KiB, 5.0 MiB. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

function durationText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** "(0, 4, 8, ...)" */
function idsOf(streams: readonly WhyStream[], count: number): string {
  const ids = streams.slice(0, 3).map(({ id }) => id);
  return `(${[...ids, ...(count > ids.length ? ["..."] : [])].join(", ")})`;
}

type Facts = Omit<WhyReport, "verdict" | "cause" | "causes">;

function blocked({ streams }: Facts): WhyStream[] {
  return streams.filter((stream) => stream.queuedBytes > 0 && stream.windowBytes === 0);
}

function heard({ receivedMsAgo }: Facts): string {
  if (receivedMsAgo === null) return "nothing has come from it yet";
  return `it was last heard ${durationText(receivedMsAgo)} ago`;
}

const SENTENCES: { [Name in Cause]: (facts: Facts) => string } = {
  closing: () =>
    "its end: a close was sent or received (RFC 9000 §10.2), nothing more is delivered",
  "anti-amplification": (f) =>
    `a proof of the peer's address (anti-amplification): only ${f.amplificationBytes} more bytes ` +
    `may go there (RFC 9000 §8.1); ${heard(f)}`,
  handshake: (f) => `the handshake: the peer's next packets have not come; ${heard(f)}`,
  "peer-window": (f) =>
    `the peer's window: it takes no more data of the connection (MAX_DATA), ` +
    `${bytesText(f.queuedBytes)} wait; it does not read, or its window is small`,
  "peer-stream-window": (f) =>
    `the peer's window: it takes no more data of ${plural(f.blockedStreams, "stream")} ` +
    `${idsOf(blocked(f), f.blockedStreams)} (MAX_STREAM_DATA), ` +
    `${bytesText(f.queuedBytes)} wait; it does not read, or its window is small`,
  "event-ring": (f) =>
    `room in the event ring (${f.ringCapacity} entries): the application's thread takes nothing ` +
    `out of it; is JavaScript blocked?`,
  "event-bound": (f) =>
    `the application: it has not taken ${f.events} events (${f.eventsMax} is the bound), so ` +
    `nothing more is read; is JavaScript blocked?`,
  "unreleased-chunks": (f) =>
    `the application: it has not read or not released ${plural(f.chunks, "chunk")}, which stops ` +
    `${plural(f.pausedStreams, "stream")}; the peer meets flow control`,
  "receive-buffers": (f) =>
    `receive buffers: ${f.receiveBuffersFree} are free, this connection holds ${f.chunks}; the ` +
    `application releases too little of what it has read`,
  "send-buffers": () => "send buffers: all are with the kernel, which sends more slowly",
  congestion: (f) =>
    `the congestion window: ${bytesText(f.bytesInFlight)} are on their way, and the window is ` +
    `${bytesText(f.congestionWindowBytes)} (round trip ${durationText(f.roundTripMs)})`,
  pacing: (f) => `its time (pacing): the next packet leaves in ${durationText(f.pacingMs)}`,
  sending: (f) => `nothing: it is sending, ${bytesText(f.queuedBytes + f.unsentBytes)} wait`,
  "unread-events": (f) =>
    `the application: ${plural(f.events, "event")} wait to be taken; JavaScript is busy`,
  application: (f) =>
    `the application: it has not answered ${plural(f.unansweredStreams, "stream")} that the peer ` +
    `has finished ${idsOf(f.streams, f.unansweredStreams)}`,
  acknowledgements: (f) =>
    `acknowledgements: all is sent, ${bytesText(f.bytesInFlight)} are on their way ` +
    `(round trip ${durationText(f.roundTripMs)}); ${heard(f)}`,
  idle: (f) => `nothing: it is idle, with nothing to send and nothing to read; ${heard(f)}`,
};

function factsOf(numbers: WhyNumbers, live: LiveConnection, alpns: readonly string[]): Facts {
  const snapshot = new ConnectionSnapshot(live.view);
  return {
    connectionId: numbers.id,
    role: numbers.client === 0 ? "server" : "client",
    state: STATES[numbers.state]!,
    peerAddress: snapshot.peerAddress,
    alpn: alpns[snapshot.alpn] ?? "",
    worker: live.worker,
    ageMs: numbers.age_us / 1000,
    receivedMsAgo: milliseconds(numbers.received_us),
    sentMsAgo: milliseconds(numbers.sent_us),
    nextTimerMs: milliseconds(numbers.timer_us),
    roundTripMs: numbers.round_trip_us / 1000,
    congestionWindowBytes: numbers.congestion_window_bytes,
    bytesInFlight: numbers.in_flight_bytes,
    peerWindowBytes: bounded(numbers.peer_data_left_bytes),
    amplificationBytes: bounded(numbers.amplification_left_bytes),
    pacingMs: numbers.pacing_us / 1000,
    queuedBytes: numbers.queued_bytes,
    unsentBytes: numbers.unsent_bytes,
    unsentDatagrams: numbers.datagrams_unsent,
    openStreams: numbers.streams,
    blockedStreams: numbers.streams_blocked,
    pausedStreams: numbers.streams_paused,
    unansweredStreams: numbers.streams_unanswered,
    events: numbers.events_out,
    eventsMax: numbers.events_max,
    chunks: numbers.chunks_out,
    ringRoom: numbers.ring_room,
    ringCapacity: numbers.ring_capacity,
    receiveBuffersFree: numbers.buffers_free,
    streams: numbers.named.map((stream) => ({
      id: stream.stream_id,
      queuedBytes: stream.queued_bytes,
      windowBytes: bounded(stream.window_bytes),
      chunks: stream.chunks,
    })),
  };
}

export function whyReport(
  numbers: WhyNumbers,
  live: LiveConnection,
  alpns: readonly string[],
): WhyReport {
  const facts = factsOf(numbers, live, alpns);
  const causes = CAUSES.filter((_, index) => (numbers.causes & (1 << index)) !== 0);
  const cause = CAUSES[numbers.cause]!;
  return { ...facts, cause, causes, verdict: SENTENCES[cause](facts) };
}

function addressText({ family, address, port }: SocketAddress): string {
  return family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** One line of a list. */
export function whyLine({ connectionId, peerAddress, alpn, cause, verdict }: WhyReport): string {
  const name = alpn === "" ? "-" : alpn;
  const peer = addressText(peerAddress);
  return `${connectionId}  ${peer.padEnd(21)}  ${name.padEnd(10)}  ${cause.padEnd(18)}  ${verdict}`;
}

function pairs(report: WhyReport): [label: string, value: string][] {
  const { receivedMsAgo, sentMsAgo, nextTimerMs, peerWindowBytes, amplificationBytes } = report;
  const ago = (ms: number | null) => (ms === null ? "never" : `${durationText(ms)} ago`);
  const rows: [string, string][] = [
    ["connection", `${report.connectionId}, ${report.role}, ${report.state}`],
    ["peer", [addressText(report.peerAddress), report.alpn].filter(Boolean).join(", ")],
    [
      "age",
      `${durationText(report.ageMs)}; received ${ago(receivedMsAgo)}, sent ${ago(sentMsAgo)}`,
    ],
    ["next timer", nextTimerMs === null ? "none" : `in ${durationText(nextTimerMs)}`],
    [
      "path",
      `round trip ${durationText(report.roundTripMs)}, window ` +
        `${bytesText(report.congestionWindowBytes)}, ${bytesText(report.bytesInFlight)} in flight`,
    ],
    [
      "to send",
      `${bytesText(report.queuedBytes)} queued, ${bytesText(report.unsentBytes)} unsent, ` +
        `${plural(report.unsentDatagrams, "datagram")}`,
    ],
    ["peer takes", peerWindowBytes === null ? "unknown" : `${bytesText(peerWindowBytes)} more`],
    [
      "streams",
      `${report.openStreams} open, ${report.blockedStreams} blocked by the peer, ` +
        `${report.pausedStreams} by the application, ${report.unansweredStreams} unanswered`,
    ],
    [
      "application",
      `${report.events} of ${report.eventsMax} events not taken, ${report.chunks} chunks held, ` +
        `${report.ringRoom} of ${report.ringCapacity} ring entries free`,
    ],
  ];
  if (amplificationBytes !== null) {
    rows.push(["unproved", `${bytesText(amplificationBytes)} may be sent to this address`]);
  }
  for (const { id, queuedBytes, windowBytes, chunks } of report.streams) {
    const window = windowBytes === null ? "" : `, the peer takes ${bytesText(windowBytes)} more`;
    const text = `${bytesText(queuedBytes)} queued${window}, ${plural(chunks, "chunk")} held`;
    rows.push([`stream ${id}`, text]);
  }
  return rows;
}

/** The verdict on a line of its own, and the numbers behind it. */
export function whyText(report: WhyReport): string {
  const others = report.causes.slice(1);
  const also = others.length === 0 ? [] : [`also: ${others.join(", ")}`];
  const rows = pairs(report).map(([label, value]) => `  ${label.padEnd(12)} ${value}`);
  return `${[`waits for ${report.verdict}`, ...also, ...rows].join("\n")}\n`;
}
