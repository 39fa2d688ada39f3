/**
 *   nsenter --net=/proc/PID/ns/net bun interop/lab/simulator/simulator.ts \
 *     --scenario "simple-p2p --delay=15ms --bandwidth=10Mbps --queue=25" --folder /tmp/run
 *   --seed 1  --corrupt deliver|drop
 *
 * The simulator between the two networks of a lab (../hold_lab.sh), one process for each run. It
 * waits for the server, opens TCP port 57832, carries packets until its standard input ends, and
 * says on standard output, one JSON object a line: ready, or failed; and end, with its counters.
 *
 * It carries what is addressed to it and meant for the other side: IP packets as they are, time to
 * live and ECN marks included. Everything else is its kernel's: ARP, neighbour discovery, 57832.
 */
import { mkdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Bottleneck } from "./bottleneck.ts";
import { createErrorModels } from "./error_models.ts";
import { LEFT, RIGHT } from "./hosts.ts";
import { allocate, BASE_SECONDS, nowNs, PacketSocket, Poller, raisePriority } from "./libc.ts";
import { FRAME_BYTES_MIN, Link, PacketPool } from "./link.ts";
import { FRAME_BYTES_MAX } from "./packet.ts";
import { Capture } from "./pcap.ts";
import { probeVersionNegotiation } from "./probe.ts";
import { parseScenario, type Scenario } from "./scenario.ts";

const SERVER = "193.167.100.100";
const SERVER_PORT = 443;
/** Generous, for machines with other work; shorter than clients wait for us (30 s). */
const WAIT_FOR_SERVER_MS = 25_000;
/** Where clients wait for the simulator: /wait-for-it.sh sim:57832. */
const READY_PORT = 57832;
const FLUSH_EVERY_NS = 50e6;

interface Options {
  scenario: Scenario;
  seed: number;
  corrupt: "deliver" | "drop";
  folder: string;
}

function parseOptions(argv: readonly string[]): Options {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: { scenario: text, seed: text, corrupt: text, folder: text },
    strict: true,
  });
  const { scenario, seed = "1", corrupt = "deliver", folder } = values;
  if (scenario === undefined) throw new Error("--scenario is missing");
  if (folder === undefined) throw new Error("--folder is missing");
  if (!/^\d+$/.test(seed)) throw new Error(`--seed ${seed}: give a whole number`);
  if (corrupt !== "deliver" && corrupt !== "drop") {
    throw new Error(`--corrupt ${corrupt}: give deliver or drop`);
  }
  return { scenario: parseScenario(scenario), seed: Number(seed), corrupt, folder };
}

function say(message: Record<string, unknown>): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** What the simulator writes down for people; kept in memory, so that it costs no time. */
class Log {
  readonly #lines: string[] = [];

  add(timeNs: number, text: string): void {
    this.#lines.push(`${(timeNs / 1e9).toFixed(6)} ${text}`);
  }

  write(path: string): void {
    writeFileSync(path, `${this.#lines.join("\n")}\n`);
  }
}

/** A device with what is caught there, and the link that begins there. */
class Place {
  readonly socket: PacketSocket;
  readonly capture: Capture;

  constructor(device: string, capturePath: string) {
    this.socket = new PacketSocket(device);
    this.capture = new Capture(capturePath);
  }

  /** Everything that has come in. */
  drain(from: typeof LEFT, to: typeof LEFT, link: Link): void {
    for (;;) {
      const packet = link.pool.take();
      const length = this.socket.receive(packet.address, FRAME_BYTES_MAX);
      packet.length = Math.min(length, FRAME_BYTES_MAX);
      if (length > 0) {
        this.capture.write(packet.bytes, packet.length, BASE_SECONDS, this.socket.arrivedNs);
      }
      const host = length < FRAME_BYTES_MIN || !from.isArrival(packet) ? -1 : to.hostOf(packet);
      if (host < 0 || host === 2) {
        link.pool.give(packet);
        if (length === 0) return;
      } else if (length > FRAME_BYTES_MAX) {
        link.counters.tooLarge++;
        link.pool.give(packet);
      } else {
        link.enter(packet, this.socket.arrivedNs);
      }
    }
  }
}

function carry(options: Options, left: Place, right: Place, log: Log): Record<string, number> {
  const startNs = nowNs();
  const { scenario, seed, corrupt } = options;
  const note = (timeNs: number, text: string) => log.add(timeNs, text);
  const models = createErrorModels(scenario, { seed, corrupt, log: note });
  const pool = new PacketPool(allocate);
  const make = (to: "client" | "server", place: Place, side: typeof LEFT): Link =>
    new Link(`to ${to}`, new Bottleneck(scenario.link), models[to], place, pool, note, (packet) =>
      side.direct(packet),
    );
  const toServer = make("server", right, RIGHT);
  const toClient = make("client", left, LEFT);
  const poller = new Poller([left.socket.descriptor, right.socket.descriptor, 0]);
  let flushedNs = startNs;
  while (!poller.readable(2)) {
    const nextNs = Math.min(toServer.nextNs, toClient.nextNs, flushedNs + FLUSH_EVERY_NS);
    poller.wait(nextNs - nowNs());
    if (poller.readable(0)) left.drain(LEFT, RIGHT, toServer);
    if (poller.readable(1)) right.drain(RIGHT, LEFT, toClient);
    const now = nowNs();
    // In the order of their times: the error models of both directions share a clock.
    for (;;) {
      const link = toServer.nextNs <= toClient.nextNs ? toServer : toClient;
      if (link.nextNs > now) break;
      link.leave(now, startNs, BASE_SECONDS);
    }
    if (now >= flushedNs + FLUSH_EVERY_NS) {
      left.capture.flush();
      right.capture.flush();
      flushedNs = now;
    }
  }
  return { ...named("toServer", toServer), ...named("toClient", toClient) };
}

function named(direction: string, link: Link): Record<string, number> {
  return Object.fromEntries(
    Object.entries(link.counters).map(([key, value]) => [
      `${direction}${key[0]?.toUpperCase()}${key.slice(1)}`,
      Math.round(value),
    ]),
  );
}

const options = parseOptions(process.argv.slice(2));
mkdirSync(options.folder, { recursive: true });
const log = new Log();
const input = new Poller([0]);
const stopped = (): boolean => {
  input.wait(0);
  return input.readable(0);
};
const limitMs = WAIT_FOR_SERVER_MS;
const answer = await probeVersionNegotiation(SERVER, SERVER_PORT, limitMs, stopped);
if (answer === null) {
  const reason = `the server did not answer a Version Negotiation probe within ${limitMs} ms`;
  say({ event: "failed", reason });
  process.exit(1);
}
// Captures begin after the probe, as the runner's do.
const left = new Place("eth0", join(options.folder, "trace_node_left.pcap"));
const right = new Place("eth1", join(options.folder, "trace_node_right.pcap"));
Bun.listen({ hostname: "::", port: READY_PORT, socket: { data: () => undefined } });
const raised = raisePriority();
log.add(0, `${process.argv.slice(2).join(" ")}${raised ? "" : " (without real-time priority)"}`);
say({ event: "ready" });
const counters = carry(options, left, right, log);
const { user, system } = process.cpuUsage();
counters.cpuMs = Math.round((user + system) / 1000);
left.capture.close();
right.capture.close();
log.write(join(options.folder, "simulator.log"));
say({ event: "end", counters });
process.exit(0);
