/**
 * The simulator's scenarios, as the QUIC Interop Runner writes them:
 *
 *     simple-p2p --delay=15ms --bandwidth=10Mbps --queue=25
 *     drop-rate ... --rate_to_server=30 --rate_to_client=30 --burst_to_server=3 ...
 *     corrupt-rate                       the same
 *     droplist ... --drops_to_server=2,3,4 --drops_to_client=1
 *     blackhole ... --on=5s --off=2s --repeat=1 --direction=both
 *     rebind ... --first-rebind=1s --rebind-freq=5s --rebind-addr
 *
 * "-" and "_" in the name of an option are one.
 */
import type { BottleneckOptions } from "./bottleneck.ts";

export type Direction = "client" | "server";

export interface Rate {
  /** 0..100. */
  percent: number;
  /** So many in a row are followed by one that is let through; 0: without such a limit. */
  burst: number;
}

export type Disturbance =
  | { kind: "none" }
  | { kind: "drop" | "corrupt"; to: Record<Direction, Rate> }
  | { kind: "droplist"; to: Record<Direction, ReadonlySet<number>> }
  | {
      kind: "blackhole";
      onNs: number;
      offNs: number;
      repeat: number;
      direction: Direction | "both";
    }
  | { kind: "rebind"; firstNs: number; everyNs: number; address: boolean };

export interface Scenario {
  link: BottleneckOptions;
  disturbance: Disturbance;
}

const LINK_OPTIONS = ["delay", "bandwidth", "queue"];
const RATE_OPTIONS = ["rate-to-client", "rate-to-server", "burst-to-client", "burst-to-server"];
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  "simple-p2p": [],
  "drop-rate": RATE_OPTIONS,
  "corrupt-rate": RATE_OPTIONS,
  droplist: ["drops-to-client", "drops-to-server"],
  blackhole: ["on", "off", "repeat", "direction"],
  rebind: ["first-rebind", "rebind-freq", "rebind-addr"],
};

/** Throws on what is no scenario: the name, the value, the remedy. */
export function parseScenario(text: string): Scenario {
  const [name = "", ...words] = text.trim().split(/\s+/);
  const known = OPTIONS[name];
  if (known === undefined) {
    throw new Error(`scenario "${name}" is unknown: use ${Object.keys(OPTIONS).join(", ")}`);
  }
  const options = new OptionTable(name, [...LINK_OPTIONS, ...known], words);
  const link = {
    delayNs: options.time("delay"),
    bitsPerSecond: options.bandwidth("bandwidth"),
    queuePackets: options.count("queue"),
  };
  return { link, disturbance: disturbance(name, options) };
}

function disturbance(name: string, options: OptionTable): Disturbance {
  const rate = (to: Direction): Rate => ({
    percent: options.count(`rate-to-${to}`),
    burst: options.count(`burst-to-${to}`, 0),
  });
  const list = (to: Direction): ReadonlySet<number> => options.list(`drops-to-${to}`);
  const both = <T>(of: (to: Direction) => T): Record<Direction, T> => ({
    client: of("client"),
    server: of("server"),
  });
  if (name === "drop-rate") return { kind: "drop", to: both(rate) };
  if (name === "corrupt-rate") return { kind: "corrupt", to: both(rate) };
  if (name === "droplist") return { kind: "droplist", to: both(list) };
  if (name === "blackhole") {
    return {
      kind: "blackhole",
      onNs: options.time("on"),
      offNs: options.time("off"),
      repeat: options.count("repeat", 1),
      direction: options.direction("direction"),
    };
  }
  if (name === "rebind") {
    return {
      kind: "rebind",
      firstNs: options.time("first-rebind"),
      everyNs: options.time("rebind-freq"),
      address: options.flag("rebind-addr"),
    };
  }
  return { kind: "none" };
}

const TIME_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
const BANDWIDTH: Readonly<Record<string, number>> = { bps: 1, Kbps: 1e3, kbps: 1e3, Mbps: 1e6 };

/** The options of one scenario, each given once. */
class OptionTable {
  readonly #values = new Map<string, string>();

  constructor(
    readonly scenario: string,
    known: readonly string[],
    words: readonly string[],
  ) {
    for (const word of words) {
      const match = /^--([\w-]+)(?:=(.*))?$/.exec(word);
      const key = match?.[1]?.replaceAll("_", "-") ?? word;
      if (!known.includes(key)) {
        const names = known.map((option) => `--${option}`).join(" ");
        throw new Error(`${scenario} has no option "${word}": use ${names}`);
      }
      if (this.#values.has(key)) throw new Error(`${scenario}: --${key} is given twice`);
      this.#values.set(key, match?.[2] ?? "");
    }
  }

  flag(key: string): boolean {
    const text = this.#values.get(key);
    if (text === undefined || text === "false") return false;
    if (text === "" || text === "true") return true;
    return this.#wrong(key, text, "true or nothing");
  }

  /** A whole number; `fallback` where the option may be left out. */
  count(key: string, fallback?: number): number {
    const text = this.#values.get(key);
    if (text === undefined && fallback !== undefined) return fallback;
    return /^\d+$/.test(text ?? "") ? Number(text) : this.#wrong(key, text, "a number like 25");
  }

  list(key: string): ReadonlySet<number> {
    const text = this.#values.get(key);
    if (text === undefined) return new Set();
    if (!/^\d+(,\d+)*$/.test(text)) return this.#wrong(key, text, "numbers like 2,3,4");
    return new Set(text.split(",").map(Number));
  }

  time(key: string): number {
    return this.#quantity(key, TIME_NS, "a time like 15ms or 5s");
  }

  bandwidth(key: string): number {
    const bits = this.#quantity(key, BANDWIDTH, "a bandwidth like 10Mbps");
    return bits > 0 ? bits : this.#wrong(key, this.#values.get(key), "more than 0");
  }

  direction(key: string): Direction | "both" {
    const text = this.#values.get(key) ?? "both";
    if (text === "both") return text;
    if (text === "to-client" || text === "to-server") return text.slice(3) as Direction;
    return this.#wrong(key, text, "both, to-client or to-server");
  }

  #quantity(key: string, units: Readonly<Record<string, number>>, example: string): number {
    const text = this.#values.get(key);
    const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text ?? "");
    const unit = units[match?.[2] ?? ""];
    return match === null || unit === undefined
      ? this.#wrong(key, text, example)
      : Number(match[1]) * unit;
  }

  #wrong(key: string, text: string | undefined, remedy: string): never {
    const got = text === undefined ? "is missing" : `is "${text}"`;
    throw new Error(`${this.scenario}: --${key} ${got}: give ${remedy}`);
  }
}
