/**
 * What happens to packets at the far end of the link, as ns-3's receive error models do it: after
 * queue, rate and delay, so that a lost packet has used the link. Only UDP is touched.
 *
 * Times are ns since the scenario's start, and never decrease.
 */
import { createRandom } from "../../netsim/random.ts";
import type { Packet } from "./packet.ts";
import { Rebinding } from "./rebinding.ts";
import type { Direction, Rate, Scenario } from "./scenario.ts";

/** "damaged": it goes on, with checksums that are right all the same. */
export type Fate = "passes" | "damaged" | "lost";

export interface ErrorModel {
  /** `udpAt`: where the packet's UDP header begins. May write another address into it. */
  meet(packet: Packet, udpAt: number, timeNs: number): Fate;
}

export interface ErrorModelOptions {
  seed: number;
  /** See SimulatorOptions of ../lab.ts. */
  corrupt: "deliver" | "drop";
  log(timeNs: number, text: string): void;
}

/** One for each direction, named by where the packets go to. */
export function createErrorModels(
  scenario: Scenario,
  options: ErrorModelOptions,
): Record<Direction, ErrorModel> {
  const { disturbance } = scenario;
  const both = (of: (to: Direction, random: () => number) => ErrorModel) => ({
    // Two sequences, so that one direction's traffic does not change the other's losses.
    client: of("client", createRandom(options.seed)),
    server: of("server", createRandom(options.seed ^ 0x5bd1e995)),
  });
  switch (disturbance.kind) {
    case "none":
      return both(() => NOTHING);
    case "drop":
      return both((to, random) => new DropRate(disturbance.to[to], random));
    case "corrupt":
      return both((to, random) => new CorruptRate(disturbance.to[to], random, options.corrupt));
    case "droplist":
      return both((to) => new DropList(disturbance.to[to]));
    case "blackhole": {
      const { onNs, offNs, repeat, direction } = disturbance;
      return both((to) =>
        direction === "both" || direction === to ? new Blackhole(onNs, offNs, repeat) : NOTHING,
      );
    }
    case "rebind": {
      const rebinding = new Rebinding(disturbance, createRandom(options.seed), options.log);
      return {
        client: { meet: (packet, udpAt, timeNs) => rebinding.toClient(packet, udpAt, timeNs) },
        server: { meet: (packet, udpAt, timeNs) => rebinding.toServer(packet, udpAt, timeNs) },
      };
    }
  }
}

const NOTHING: ErrorModel = { meet: () => "passes" };

/** Which packets are hit: at a rate, and never more than `burst` in a row. */
class Hits {
  #inARow = 0;

  constructor(
    readonly rate: Rate,
    readonly random: () => number,
  ) {}

  next(): boolean {
    const { percent, burst } = this.rate;
    if (burst > 0 && this.#inARow >= burst) {
      this.#inARow = 0;
      return false;
    }
    const hit = Math.floor(this.random() * 100) < percent;
    this.#inARow = hit ? this.#inARow + 1 : 0;
    return hit;
  }
}

class DropRate implements ErrorModel {
  readonly #hits: Hits;

  constructor(rate: Rate, random: () => number) {
    this.#hits = new Hits(rate, random);
  }

  meet(): Fate {
    return this.#hits.next() ? "lost" : "passes";
  }
}

/** How far into a UDP payload damage reaches. */
const CORRUPT_BYTES = 50;
const UDP_HEADER_BYTES = 8;

class CorruptRate implements ErrorModel {
  readonly #hits: Hits;

  constructor(
    rate: Rate,
    readonly random: () => number,
    readonly what: "deliver" | "drop",
  ) {
    this.#hits = new Hits(rate, random);
  }

  meet(packet: Packet, udpAt: number): Fate {
    const payloadAt = udpAt + UDP_HEADER_BYTES;
    const size = packet.udpPayloadBytes(udpAt);
    if (size === 0 || isVersionNegotiation(packet, payloadAt, size)) return "passes";
    if (!this.#hits.next()) return "passes";
    // Drawn in either reading, so that both hit the same packets.
    const at = payloadAt + Math.floor(this.random() * (Math.min(CORRUPT_BYTES, size - 1) + 1));
    const other = 1 + Math.floor(this.random() * 255);
    if (this.what === "drop") return "lost";
    packet.bytes[at] = (packet.bytes[at] ?? 0) ^ other;
    packet.writeChecksums(udpAt);
    return "damaged";
  }
}

/** RFC 9000 §17.2.1: a long header of version 0. */
function isVersionNegotiation(packet: Packet, at: number, size: number): boolean {
  if (size < 5 || ((packet.bytes[at] ?? 0) & 0x80) === 0) return false;
  return packet.word(at + 1) === 0 && packet.word(at + 3) === 0;
}

/** By number, from 1; every UDP packet counts. */
class DropList implements ErrorModel {
  #number = 0;

  constructor(readonly dropped: ReadonlySet<number>) {}

  meet(): Fate {
    this.#number++;
    return this.dropped.has(this.#number) ? "lost" : "passes";
  }
}

/** Open for a time, shut for a time, so many times; open from then on. */
class Blackhole implements ErrorModel {
  constructor(
    readonly onNs: number,
    readonly offNs: number,
    readonly repeat: number,
  ) {}

  meet(_packet: Packet, _udpAt: number, timeNs: number): Fate {
    const period = this.onNs + this.offNs;
    const cycle = Math.floor(timeNs / period);
    const open = cycle >= this.repeat || timeNs - cycle * period < this.onNs;
    return open ? "passes" : "lost";
  }
}
