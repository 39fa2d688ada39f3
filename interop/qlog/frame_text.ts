/** A frame of a qlog in a few characters: "STREAM 4 0+1200 FIN". */
import { type Fields, fieldsOf, textOf } from "./qlog_file.ts";

/** Acknowledged ranges that are shown; more are counted. */
const RANGES_SHOWN = 5;
/** Of connection IDs and challenges; more says nothing to a reader. */
const HEX_SHOWN = 8;

export function frameText(frame: Fields): string {
  const type = textOf(frame.frame_type);
  const name = type.toUpperCase();
  const show = FORMS[type];
  const rest = show === undefined ? fieldsText(frame, NAMED) : show(frame);
  return rest === "" ? name : `${name} ${rest}`;
}

const NAMED = ["frame_type", "raw", "length", "payload_length", "stream_type"];

const FORMS: Record<string, (frame: Fields) => string> = {
  ack: (frame) => `${rangesText(frame.acked_ranges)}${ecnText(frame)}`,
  crypto: rangeText,
  stream: (frame) =>
    `${textOf(frame.stream_id)} ${rangeText(frame)}${frame.fin === true ? " FIN" : ""}`,
  datagram: (frame) => textOf(bytesOf(frame)),
  padding: (frame) => textOf(bytesOf(frame)),
  new_token: (frame) => {
    const token = fieldsOf(frame.token) ?? {};
    return textOf(bytesOf(frame) ?? bytesOf(token) ?? token.data).slice(0, HEX_SHOWN);
  },
  path_challenge: (frame) => textOf(frame.data),
  path_response: (frame) => textOf(frame.data),
  new_connection_id: (frame) => {
    const id = textOf(frame.connection_id).slice(0, HEX_SHOWN);
    return `#${textOf(frame.sequence_number)} ${id} retire <${textOf(frame.retire_prior_to)}`;
  },
  retire_connection_id: (frame) => `#${textOf(frame.sequence_number)}`,
  connection_close: (frame) => {
    const space = textOf(frame.error_space);
    const code = textOf(frame.raw_error_code) || textOf(frame.error_code) || textOf(frame.error);
    const reason = textOf(frame.reason);
    return [space, code, reason === "" ? "" : `"${reason}"`].filter((one) => one !== "").join(" ");
  },
};

/** "0+1200": offset and length. */
function rangeText(frame: Fields): string {
  return `${textOf(frame.offset) || "0"}+${textOf(bytesOf(frame)) || "?"}`;
}

function bytesOf(frame: Fields): unknown {
  const raw = fieldsOf(frame.raw) ?? {};
  return frame.length ?? raw.payload_length ?? frame.payload_length ?? raw.length;
}

/** "0-5,7": the highest last, as they were sent. */
function rangesText(value: unknown): string {
  const ranges = (Array.isArray(value) ? value : []).map((range) => {
    const [first, last = first] = Array.isArray(range) ? range.map(textOf) : [textOf(range)];
    return first === last ? `${first}` : `${first}-${last}`;
  });
  const more = ranges.length - RANGES_SHOWN;
  return `${ranges.slice(0, RANGES_SHOWN).join(",")}${more > 0 ? ` and ${more} more` : ""}`;
}

function ecnText({ ect0, ect1, ce }: Fields): string {
  if (ect0 === undefined && ect1 === undefined && ce === undefined) return "";
  return ` ECN ${textOf(ect0) || 0}/${textOf(ect1) || 0}/${textOf(ce) || 0}`;
}

/** "maximum=1000": what is a text, a number or true, without `but`. */
export function fieldsText(fields: Fields, but: readonly string[] = []): string {
  return Object.entries(fields)
    .filter(([name, value]) => !but.includes(name) && isShown(value))
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function isShown(value: unknown): boolean {
  return value === true || (textOf(value) !== "" && textOf(value).length <= 60);
}
