/**
 * Connections that lie evenly over the workers (or processes) of a server: the kernel's hash of
 * addresses decides, so source ports are tried until there are enough for each. Ten connections
 * left to chance would lie 7 : 3 or worse in a third of all runs, and that would be the result.
 */
import { Load } from "./load.ts";
import type { ServerCounters } from "./servers/control.ts";
import type { Measured } from "./subject.ts";

/** Below what the kernel gives out by itself (net.ipv4.ip_local_port_range). */
const PORT_MIN = 12_000;
const PORT_MAX = 32_000;
const ATTEMPTS = 400;
/** One after the other that failed: it is not the ports' fault. */
const FAILURES = 5;

/** Where a connection has come into being since: a worker counts those, a process its requests. */
function changedPlace(before: readonly ServerCounters[], after: readonly ServerCounters[]): number {
  const count = (place: ServerCounters | undefined) => place?.accepted ?? place?.requests ?? 0;
  return after.findIndex((place, index) => count(place) > count(before[index]));
}

async function placeOf(subject: Measured, port: number): Promise<number> {
  const before = await subject.places();
  const shape = { connections: 1, streams: 1, warmUpSeconds: 0, seconds: 0, cpu: null };
  await using _ = await Load.start(subject.address, {
    ...{ mode: "requests", ...shape, sourcePorts: [port] },
  });
  return changedPlace(before, await subject.places());
}

/** `perPlace` source ports for each place of the server. */
export async function evenPorts(subject: Measured, perPlace: number): Promise<number[][]> {
  const ports: number[][] = (await subject.places()).map(() => []);
  let failures = 0;
  // Another stretch for each server: none meets the connections of another's ports.
  let port = PORT_MIN + ((subject.port * ATTEMPTS) % (PORT_MAX - PORT_MIN - ATTEMPTS));
  for (let i = 0; i < ATTEMPTS && ports.some((found) => found.length < perPlace); i++, port++) {
    try {
      const place = ports[await placeOf(subject, port)];
      if (place === undefined) throw new Error(`${subject.name}: no worker took a connection`);
      if (place.length < perPlace) place.push(port);
      failures = 0;
    } catch (error) {
      // The port may be another program's.
      if (++failures === FAILURES) throw error;
    }
  }
  if (ports.some((found) => found.length < perPlace)) {
    throw new Error(`${subject.name}: ${ATTEMPTS} source ports reach only some of its workers`);
  }
  return ports;
}

/** The same number of every place for each of `clients`. */
export function portsByClient(ports: readonly number[][], clients: number): number[][] {
  return Array.from({ length: clients }, (_, client) =>
    ports.flatMap((place) => place.filter((_, index) => index % clients === client)),
  );
}
