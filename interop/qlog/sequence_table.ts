/**
 * A qlog as a table of what went which way: time, direction, packet, bytes, frames. What concerns
 * no single packet (losses, keys, the end) stands between as a note.
 */
import { readFileSync } from "node:fs";
import { fieldsText, frameText } from "./frame_text.ts";
import { type Fields, fieldsOf, type QlogEvent, readQlog, textOf } from "./qlog_file.ts";

const COLUMNS = 120;
/** Columns before the frames: time, arrow, packet, bytes. */
const INDENT = 38;

/** For readers of sequences: figures that change with each packet, and what packets say anyway. */
const HIDDEN =
  /metrics_updated|timer_updated|datagrams?_(sent|received)|packets_acked|frames_processed|stream_(state|data)|data_moved|^frame_(created|parsed)|^stream_type_set|packet_buffered|key_(updated|discarded|retired)$/;

const TYPES: Record<string, string> = {
  "1RTT": "1-RTT",
  onertt: "1-RTT",
  "0RTT": "0-RTT",
  zerortt: "0-RTT",
  initial: "Initial",
  handshake: "Handshake",
  retry: "Retry",
  version_negotiation: "Version Negotiation",
  stateless_reset: "Stateless Reset",
};

/** @throws {UserError} when it is no qlog */
export function sequenceTable(text: string, path: string): string {
  const { vantage, title, events } = readQlog(text, path);
  const who = vantage === "" ? "the writer" : `the ${vantage}`;
  const head = [`${title || path}: -> sent by ${who}, <- received by it; milliseconds`];
  const lines = events.flatMap(eventLines);
  return `${[...head, ...lines].map((line) => line.slice(0, COLUMNS)).join("\n")}\n`;
}

/** `bun run interop qlog FILE...` */
export function printQlog(paths: readonly string[]): number {
  for (const path of paths) {
    process.stdout.write(sequenceTable(readFileSync(path, "utf8"), path));
  }
  return 0;
}

function eventLines(event: QlogEvent): string[] {
  if (event.name === "packet_sent") return packetLines(event, "->");
  if (event.name === "packet_received") return packetLines(event, "<-");
  if (HIDDEN.test(event.name)) return [];
  const { header, ...rest } = event.data;
  const packet = packetName(event.data);
  const of = header === undefined ? "" : `${packet} `;
  const note = `${event.name} ${of}${fieldsText(rest, ["frames", "raw", "packet_type"])}`;
  return wrapped(`${timeText(event)} -- ${note}`.trimEnd(), 15);
}

function packetLines(event: QlogEvent, arrow: string): string[] {
  const { data } = event;
  const frames = Array.isArray(data.frames) ? data.frames : [];
  const said = frames.flatMap((frame) => {
    const fields = fieldsOf(frame);
    return fields === null ? [] : [frameText(fields)];
  });
  const raw = fieldsOf(data.raw) ?? {};
  const header = fieldsOf(data.header) ?? {};
  const bytes = textOf(raw.length) || textOf(header.packet_size);
  const name = packetName(data).padEnd(16);
  const left = `${timeText(event)} ${arrow} ${name} ${bytes.padStart(5)}`.padEnd(INDENT - 1);
  return wrapped(`${left} ${said.join(", ")}`.trimEnd(), INDENT);
}

function packetName(data: Fields): string {
  const header = fieldsOf(data.header) ?? {};
  const type = textOf(header.packet_type) || textOf(data.packet_type);
  const number = textOf(header.packet_number) || textOf(data.packet_number);
  const phase = textOf(header.key_phase_bit) || textOf(header.key_phase);
  const shown = TYPES[type] ?? type;
  return `${shown} ${number}${phase === "1" ? " phase 1" : ""}`.trim();
}

function timeText(event: QlogEvent): string {
  return event.timeMs.toFixed(2).padStart(11);
}

/** Breaks at spaces; what follows the first line is indented. */
function wrapped(text: string, indent: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > COLUMNS) {
    const space = rest.lastIndexOf(" ", COLUMNS);
    const at = space > indent ? space : COLUMNS;
    lines.push(rest.slice(0, at));
    rest = `${" ".repeat(indent)}${rest.slice(at).trimStart()}`;
  }
  return [...lines, rest];
}
