/**
 * The simulator for tests: a process of its own, so that neither the test nor the server slows it
 * down.
 */
import { inNamespace } from "./namespaces.ts";
import { readLine } from "./read_line.ts";
import type { RelayCounters } from "./relay.ts";

export interface Netsim {
  /** Where clients connect to. */
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  /** `amidTraffic`: when a packet is on its way to the server (relay.ts). */
  rebind(what: "port" | "address", amidTraffic?: boolean): Promise<void>;
  stats(): Promise<RelayCounters>;
  /** Ends the process; the counters of the whole run. */
  stop(): Promise<RelayCounters>;
}

/** `flags` are those of netsim.ts. `namespace`: where the relay runs. */
export async function startNetsim(flags: readonly string[], namespace?: string): Promise<Netsim> {
  const command = [
    ...inNamespace(namespace),
    process.execPath,
    `${import.meta.dir}/netsim.ts`,
    ...flags,
  ];
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });

  const answer = async <T>(event: string): Promise<T> => {
    for (;;) {
      const line = await readLine(child.stdout);
      if (line === null) throw new Error(`netsim ended before it said "${event}"`);
      const message = JSON.parse(line) as { event: string };
      if (message.event === event) return message as T;
    }
  };
  const say = (text: string): void => {
    child.stdin.write(`${text}\n`);
    child.stdin.flush();
  };

  const { host, port, seed } = await answer<{ host: string; port: number; seed: number }>(
    "listening",
  );
  return {
    host,
    port,
    seed,
    rebind: async (what, amidTraffic = false) => {
      say(`rebind ${what}${amidTraffic ? " amid" : ""}`);
      await answer("rebound");
    },
    stats: async () => {
      say("stats");
      return await answer<RelayCounters>("stats");
    },
    stop: async () => {
      say("stop");
      const counters = await answer<RelayCounters>("end");
      await child.exited;
      return counters;
    },
  };
}
