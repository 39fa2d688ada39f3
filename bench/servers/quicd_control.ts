/** What the bench may ask of a QuicD server. */
import type { RunningServer } from "../../src/index.ts";
import { readCounters } from "../../src/native/counters.ts";
import { loadLibrary } from "../../src/native/library.ts";
import type { Controlled, ServerCounters } from "./control.ts";
import { requestCount } from "./handler.ts";

/** By names of their own: "steering_runs". */
function steering(server: RunningServer): ServerCounters {
  const counters = Object.entries(server.steering() ?? {});
  return Object.fromEntries(counters.map(([name, value]) => [`steering_${name}`, value]));
}

export function controlled(server: RunningServer): Controlled {
  return {
    port: server.port,
    counters: () => ({
      ...server.counters(),
      requests: requestCount(),
      ...steering(server),
      ...loadLibrary().addon.memory(),
    }),
    places: () => (server.engineView?.workers ?? []).map((worker) => readCounters([worker])),
    stop: () => server.stop(true),
  };
}
