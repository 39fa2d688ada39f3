/**
 * What workers say of their connections on request (native/why.c): struct quicd_why as plain
 * numbers, and the table of connections that requests name.
 */
import {
  CONNECTION_VIEW_CONNECTION_ID_LENGTH,
  CONNECTION_VIEW_CONNECTION_ID_OFFSET,
  CONNECTION_VIEW_GENERATION_OFFSET,
  CONNECTION_VIEW_SIZE,
  CONNECTION_VIEW_STATE_OFFSET,
  NONE,
  STATE_CLOSED,
  STATE_FREE,
  WHY_CONNECTION_ID_HEAD_OFFSET,
  WHY_FIELDS,
  WHY_SIZE,
  WHY_STREAM_FIELDS,
  WHY_STREAM_SIZE,
  WHY_STREAMS,
} from "./abi.gen.ts";
import type { WorkerView } from "./addon.ts";
import { loadLibrary, memoryAt } from "./library.ts";

const ANSWER_BYTES = WHY_SIZE + WHY_STREAMS * WHY_STREAM_SIZE;
const ID_BYTES = 16;

export type WhyStreamNumbers = Record<(typeof WHY_STREAM_FIELDS)[number], number>;

/** Bytes and microseconds; Infinity where nothing bounds. */
export type WhyNumbers = Record<(typeof WHY_FIELDS)[number], number> & {
  /** 32 hex digits. */
  id: string;
  named: WhyStreamNumbers[];
};

/** A connection that is not over, as its worker's table had it a moment ago. */
export interface LiveConnection {
  worker: number;
  slot: number;
  generation: number;
  id: string;
  /** struct quicd_connection_view, copied. */
  view: Uint8Array<ArrayBuffer>;
}

const UNLIMITED = 2 ** 64;

function long(view: DataView, offset: number): number {
  const value = view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
  return value >= UNLIMITED ? Number.POSITIVE_INFINITY : value;
}

function record<Name extends string>(
  names: readonly Name[],
  view: DataView,
  offset: number,
): Record<Name, number> {
  const entries = names.map((name, index) => [name, long(view, offset + index * 8)] as const);
  return Object.fromEntries(entries) as Record<Name, number>;
}

/** The answers of one request. */
export function readWhys(buffer: ArrayBuffer): WhyNumbers[] {
  const view = new DataView(buffer);
  return Array.from({ length: buffer.byteLength / ANSWER_BYTES }, (_, index) => {
    const start = index * ANSWER_BYTES;
    const numbers = record(WHY_FIELDS, view, start);
    const id = new Uint8Array(buffer, start + WHY_CONNECTION_ID_HEAD_OFFSET, ID_BYTES).toHex();
    const named = Array.from({ length: numbers.stream_count }, (_value, stream) =>
      record(WHY_STREAM_FIELDS, view, start + WHY_SIZE + stream * WHY_STREAM_SIZE),
    );
    return { ...numbers, id, named };
  });
}

/** False while the worker is busy with another request. */
export function askWhy(
  engine: number,
  worker: number,
  first: number,
  generation: number,
  most: number,
): boolean {
  return loadLibrary().addon.whyAsk(engine, worker, first, generation, most);
}

/** Null: not answered yet. `next` is the slot to go on with, or null. */
export function takeWhy(
  engine: number,
  worker: number,
): { whys: WhyNumbers[]; next: number | null } | null {
  const answer = loadLibrary().addon.whyAnswer(engine, worker);
  if (answer === null) return null;
  return { whys: readWhys(answer.answers), next: answer.next === NONE ? null : answer.next };
}

/**
 * Those whose ID begins with `prefix` (hex). Slots are used in order: a fresh one ends the
 * table.
 */
export function liveConnections(workers: readonly WorkerView[], prefix: string): LiveConnection[] {
  return workers.flatMap((worker, index) => {
    const found: LiveConnection[] = [];
    const bytes = memoryAt(worker.connections, worker.connectionCapacity * CONNECTION_VIEW_SIZE);
    const view = new DataView(bytes);
    for (let slot = 0; slot < worker.connectionCapacity; slot++) {
      const start = slot * CONNECTION_VIEW_SIZE;
      const generation = view.getUint32(start + CONNECTION_VIEW_GENERATION_OFFSET, true);
      if (generation === 0) break;
      const state = view.getUint32(start + CONNECTION_VIEW_STATE_OFFSET, true);
      if (state === STATE_FREE || state === STATE_CLOSED) continue;
      const from = start + CONNECTION_VIEW_CONNECTION_ID_OFFSET;
      const id = new Uint8Array(bytes, from, CONNECTION_VIEW_CONNECTION_ID_LENGTH).toHex();
      if (!id.startsWith(prefix)) continue;
      const copy = new Uint8Array(bytes.slice(start, start + CONNECTION_VIEW_SIZE));
      found.push({ worker: index, slot, generation, id, view: copy });
    }
    return found;
  });
}
