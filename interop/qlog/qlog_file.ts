/**
 * Reads a qlog, whoever wrote it: JSON-SEQ (RFC 7464; ours, quic-go's, ngtcp2's) or one JSON object
 * (aioquic's, picoquic's), with named events or with rows of fields.
 */
import { UserError } from "../../src/config/user_error.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface QlogEvent {
  /** Milliseconds since the first event. */
  timeMs: number;
  /** Without its category: "packet_sent". */
  name: string;
  data: Fields;
}

export interface Qlog {
  /** "client", "server" or "" for a writer that does not say. */
  vantage: string;
  title: string;
  events: QlogEvent[];
}

/** @throws {UserError} when it is no qlog */
export function readQlog(text: string, path: string): Qlog {
  const trimmed = text.trimStart();
  const [first = ""] = trimmed.split("\n", 1);
  const isSequence = trimmed.startsWith("\x1e") || /"JSON-SEQ"|\+json-seq"/.test(first);
  const qlog = isSequence ? readSequence(trimmed) : readObject(trimmed);
  if (qlog === null || qlog.events.length === 0) {
    throw new UserError(`${path} has no qlog events: name a .sqlog or .qlog file`, 2);
  }
  const [start] = qlog.events;
  const beganMs = start?.timeMs ?? 0;
  const events = qlog.events.map((event) => ({ ...event, timeMs: event.timeMs - beganMs }));
  return { ...qlog, events };
}

function parse(text: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return null;
  }
}

export function fieldsOf(value: unknown): Fields | null {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : null;
}

/** A record that was cut off, because the endpoint was killed, is left out. */
function readSequence(text: string): Qlog | null {
  const records = text
    .split(/[\x1e\n]+/)
    .filter((record) => record.trim() !== "")
    .map(parse)
    .filter((record) => record !== null);
  const [header, ...rest] = records;
  if (header === undefined) return null;
  const trace = fieldsOf(header.trace) ?? {};
  return {
    vantage: vantageOf(trace),
    title: textOf(header.title) || textOf(trace.title),
    events: timed(rest.flatMap(namedEvent), trace),
  };
}

function readObject(text: string): Qlog | null {
  const file = parse(text);
  const [first] = Array.isArray(file?.traces) ? file.traces : [];
  const trace = fieldsOf(first);
  if (trace === null || !Array.isArray(trace.events)) return null;
  const columns = Array.isArray(trace.event_fields) ? trace.event_fields.map(textOf) : null;
  const events = trace.events.flatMap((event) =>
    columns === null ? namedEvent(event) : rowEvent(event, columns),
  );
  return {
    vantage: vantageOf(trace),
    title: textOf(file?.title) || textOf(trace.title) || textOf(trace.description),
    events: timed(events, trace),
  };
}

function namedEvent(value: unknown): QlogEvent[] {
  const event = fieldsOf(value);
  if (event === null || typeof event.time !== "number") return [];
  return [
    {
      timeMs: event.time,
      name: textOf(event.name).replace(/^.*:/, ""),
      data: fieldsOf(event.data) ?? {},
    },
  ];
}

/** Of the drafts before names: ["relative_time", "category", "event", "data"]. */
function rowEvent(value: unknown, columns: readonly string[]): QlogEvent[] {
  if (!Array.isArray(value)) return [];
  const at = (name: string): unknown => value[columns.indexOf(name)];
  const time = at("relative_time") ?? at("time");
  if (typeof time !== "number") return [];
  const name = textOf(at("event") ?? at("event_type"));
  return [{ timeMs: time, name, data: fieldsOf(at("data")) ?? {} }];
}

/** Some count in microseconds and say so; relative to the event before it, in one format. */
function timed(events: QlogEvent[], trace: Fields): QlogEvent[] {
  const common = fieldsOf(trace.common_fields) ?? {};
  const configuration = fieldsOf(trace.configuration) ?? {};
  const scale = configuration.time_units === "us" ? 1 / 1000 : 1;
  const delta = common.time_format === "relative_to_previous_event";
  let sum = 0;
  return events.map((event) => {
    sum += event.timeMs;
    return { ...event, timeMs: (delta ? sum : event.timeMs) * scale };
  });
}

function vantageOf(trace: Fields): string {
  return textOf(fieldsOf(trace.vantage_point)?.type);
}

export function textOf(value: unknown): string {
  if (typeof value === "number") return `${value}`;
  return typeof value === "string" ? value : "";
}
