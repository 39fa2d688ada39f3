/**
 * All that one app thread shares with the workers: its rings, every slab, the workers' tables.
 *
 * The memory stays mapped until the process ends; the views are made once (340-630 ns each).
 */
import {
  APP_VIEW_SIZE,
  COMMAND_SIZE,
  CONNECTION_VIEW_SIZE,
  EVENT_SIZE,
  STREAM_VIEW_SIZE,
} from "./abi.gen.ts";
import type { EngineView } from "./addon.ts";
import { CommandRing } from "./command_ring.ts";
import { EventRing } from "./event_ring.ts";
import type { HotCalls } from "./hot_calls.ts";
import { memoryAt } from "./library.ts";
import { Slab, slabBytes } from "./slab.ts";
import { WorkerMemory } from "./worker.ts";

export interface Attachment {
  readonly calls: HotCalls;
  /** What `Addon.attach` gave. */
  readonly handle: number;
  /** struct quicd_app_view */
  readonly appView: Uint32Array;
  /** The slab that this thread takes buffers from. */
  readonly ownSlab: Slab;
  /** By slab id: the workers', then the app threads'. */
  readonly slabs: readonly Slab[];
  /** By worker, as are the rings. */
  readonly workers: readonly WorkerMemory[];
  readonly eventRings: readonly EventRing[];
  readonly commandRings: readonly CommandRing[];
}

/** Maps everything that app thread `app` may touch. `handle` comes from `Addon.attach`. */
export function mapAttachment(
  calls: HotCalls,
  engine: EngineView,
  app: number,
  handle: number,
): Attachment {
  const slabs = [...engine.workers, ...engine.apps].map((owner, id) => {
    const bytes = slabBytes(owner.smallCount, owner.largeCount);
    return new Slab(id, new Uint8Array(memoryAt(owner.slab, bytes)), owner.smallCount);
  });
  const workers = engine.workers.map((view, index) => {
    const connections = memoryAt(view.connections, view.connectionCapacity * CONNECTION_VIEW_SIZE);
    const streams = memoryAt(view.streams, view.streamCapacity * STREAM_VIEW_SIZE);
    return new WorkerMemory(index, connections, streams);
  });
  const own = engine.apps[app]!;
  const words = (address: number, bytes: number) => new Uint32Array(memoryAt(address, bytes));
  return {
    calls,
    handle,
    appView: words(own.view, APP_VIEW_SIZE),
    ownSlab: slabs[engine.workers.length + app]!,
    slabs,
    workers,
    eventRings: own.rings.map(
      ({ events, capacity }, worker) =>
        new EventRing(calls, handle, worker, words(events, capacity * EVENT_SIZE)),
    ),
    commandRings: own.rings.map(
      ({ command }, worker) => new CommandRing(calls, handle, worker, words(command, COMMAND_SIZE)),
    ),
  };
}
