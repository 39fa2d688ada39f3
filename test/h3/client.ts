/**
 * The client's half of HTTP/3 for tests: writes requests, reads responses. Plain and slow on
 * purpose.
 */

import { H3Factory } from "../../src/apps/h3/factory.ts";
import { encodeFrameHeader } from "../../src/apps/h3/frame.ts";
import type { H3Handler, H3Options } from "../../src/apps/h3/handler.ts";
import { FieldSectionDecoder } from "../../src/apps/h3/qpack/field_section_decoder.ts";
import {
  encodeFieldLine,
  encodeSectionPrefix,
} from "../../src/apps/h3/qpack/field_section_encoder.ts";
import { ByteCursor } from "../../src/wire/cursor.ts";
import { FakeConnection, type FakeStream } from "../support/fake_connection.ts";

export type Fields = readonly (readonly [name: string, value: string])[];

export const GET: Fields = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "example.org"],
  [":path", "/"],
];

/** Pseudo-fields with some replaced, or left out where null, and more fields after them. */
export function head(changes: Record<string, string | null>, more: Fields = []): Fields {
  const fields = GET.map(([name, value]) => [name, name in changes ? changes[name] : value]);
  return [...fields.filter(([, value]) => value !== null), ...more] as Fields;
}

export function section(fields: Fields): number[] {
  const memory = new Uint8Array(200_000);
  let end = encodeSectionPrefix(memory, 0);
  for (const [name, value] of fields) end = encodeFieldLine(name, value, memory, end);
  return [...memory.subarray(0, end)];
}

export function frame(type: number, payload: readonly number[] | Uint8Array): number[] {
  const header = new Uint8Array(16);
  const end = encodeFrameHeader(type, payload.length, header, 0);
  return [...header.subarray(0, end), ...payload];
}

export const headers = (fields: Fields): number[] => frame(0x01, section(fields));
export const content = (bytes: readonly number[] | Uint8Array): number[] => frame(0x00, bytes);
export const text = (value: string): number[] => [...new TextEncoder().encode(value)];

export interface ParsedResponse {
  status: number;
  fields: Record<string, string>;
  body: Uint8Array;
  text: string;
  interim: number[];
  /** Complete: FIN was sent, at the end of a frame. */
  complete: boolean;
}

/** Reads what the server sent on a request stream so far. */
export function response(stream: FakeStream): ParsedResponse {
  const cursor = new ByteCursor(Uint8Array.from(stream.sent));
  const result: ParsedResponse = {
    status: 0,
    fields: {},
    body: new Uint8Array(0),
    text: "",
    interim: [],
    complete: false,
  };
  const body: number[] = [];
  let cut = false;
  while (cursor.remaining > 0) {
    const type = cursor.tryReadVarint();
    const length = cursor.tryReadVarint();
    if (length < 0) {
      cut = true;
      break;
    }
    const end = cursor.offset + length;
    if (end > cursor.end) cut = true;
    const payload = cursor.memory.subarray(cursor.offset, end);
    cursor.offset = Math.min(end, cursor.end);
    if (type === 0x01 && !cut) {
      const list = new FieldSectionDecoder(1 << 20).decode(payload, 0, payload.length);
      const status = Number(list.values[0]);
      if (status < 200) {
        result.interim.push(status);
        continue;
      }
      result.status = status;
      list.names.forEach((name, i) => {
        if (i > 0)
          result.fields[name] = [result.fields[name], list.values[i]].filter(Boolean).join("|");
      });
    } else if (type === 0x00) {
      for (const byte of payload) body.push(byte);
    }
  }
  result.body = Uint8Array.from(body);
  result.text = new TextDecoder().decode(result.body);
  result.complete = stream.finSent && !cut;
  return result;
}

export interface Served {
  connection: FakeConnection;
  factory: H3Factory;
  errors: unknown[];
  /** Opens the next request stream. */
  open(): FakeStream;
  /** Opens one and delivers all of it. */
  request(bytes: readonly number[], fin?: boolean): FakeStream;
}

/** A connection served by `handler`. */
export function serve(
  handler: H3Handler | NonNullable<H3Handler["fetch"]>,
  options: H3Options = {},
): Served {
  const errors: unknown[] = [];
  const factory = new H3Factory(typeof handler === "function" ? { fetch: handler } : handler, {
    onError: (error) => errors.push(error),
    ...options,
  });
  const connection = new FakeConnection();
  connection.sink = factory.attach(connection);
  let nextId = 0;
  const open = () => {
    const stream = connection.peerStream(nextId);
    nextId += 4;
    return stream;
  };
  return {
    connection,
    factory,
    errors,
    open,
    request(bytes, fin = true) {
      const stream = open();
      connection.deliver(stream, bytes as number[], fin);
      return stream;
    },
  };
}

/** Lets promises that are due run. */
export async function settle(turns = 8): Promise<void> {
  for (let i = 0; i < turns; i++) await Bun.sleep(0);
}
