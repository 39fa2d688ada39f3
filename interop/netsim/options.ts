/** Command-line values with units, and the flags of the simulator. */
import { parseArgs } from "node:util";
import type { LinkOptions } from "./link.ts";
import type { RelayOptions } from "./relay.ts";

export interface SimulatorOptions extends RelayOptions {
  /** 0: only on command. */
  rebindEveryMs: number;
  firstRebindMs: number;
  rebindCount: number;
  rebindWhat: "port" | "address";
}

const FACTORS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  "%": 0.01,
  "": 1,
};

/** "15ms" -> 15, "10mbit" -> 1e7, "2%" -> 0.02. Throws on anything else. */
export function parseQuantity(text: string, units: readonly string[]): number {
  const match = /^(\d+(?:\.\d+)?)([a-z%]*)$/.exec(text);
  const unit = match?.[2] ?? "";
  const factor = FACTORS[unit];
  if (match === null || factor === undefined || !units.includes(unit)) {
    throw new Error(`"${text}" is no number with one of the units ${units.join(" ") || "(none)"}`);
  }
  return Number(match[1]) * factor;
}

const TIME = ["us", "ms", "s"];
const RATE = ["bit", "kbit", "mbit", "gbit"];
const LINK_FLAGS = ["delay", "rate", "queue", "mtu", "loss", "duplicate"] as const;
const DIRECTIONS = ["to-server", "to-client"] as const;

export const USAGE = `flags (a link flag with to-server- or to-client- before it: only that way):
  --server HOST:PORT  --listen HOST:PORT (port 0: any)  --seed N
  --delay 15ms  --rate 10mbit  --queue 25  --mtu 1400  --loss 2%  --duplicate 1%
  --rebind-every 200ms  --first-rebind 1s  --rebind-count 20  --rebind-address
  --addresses A,B,C   (what the server may see a client come from)`;

export function parseOptions(argv: readonly string[]): SimulatorOptions {
  const flags: Record<string, { type: "string" | "boolean" }> = {};
  for (const name of LINK_FLAGS) {
    flags[name] = { type: "string" };
    for (const direction of DIRECTIONS) flags[`${direction}-${name}`] = { type: "string" };
  }
  for (const name of ["server", "listen", "seed", "addresses"]) flags[name] = { type: "string" };
  for (const name of ["rebind-every", "first-rebind", "rebind-count"])
    flags[name] = { type: "string" };
  flags["rebind-address"] = { type: "boolean" };
  const { values } = parseArgs({ args: [...argv], options: flags, strict: true });
  const text = (name: string, fallback: string): string => {
    const value = values[name];
    return typeof value === "string" ? value : fallback;
  };

  const link = (direction: string): LinkOptions => {
    const flag = (name: string, fallback: string) =>
      text(`${direction}-${name}`, text(name, fallback));
    return {
      delayMs: parseQuantity(flag("delay", "0ms"), TIME),
      rateBitsPerSecond: parseQuantity(flag("rate", "0bit"), RATE),
      queuePackets: parseQuantity(flag("queue", "25"), [""]),
      mtuBytes: parseQuantity(flag("mtu", "0"), [""]),
      lossRate: parseQuantity(flag("loss", "0%"), ["%"]),
      duplicateRate: parseQuantity(flag("duplicate", "0%"), ["%"]),
    };
  };
  const server = hostAndPort(text("server", "127.0.0.1:4433"));
  const listen = hostAndPort(text("listen", "127.0.0.1:0"));
  const rebindEveryMs = parseQuantity(text("rebind-every", "0ms"), TIME);
  return {
    listenHost: listen.host,
    listenPort: listen.port,
    serverHost: server.host,
    serverPort: server.port,
    toServer: link("to-server"),
    toClient: link("to-client"),
    seed: parseQuantity(text("seed", "1"), [""]),
    addresses: text("addresses", defaultAddresses(server.host)).split(","),
    rebindEveryMs,
    firstRebindMs: parseQuantity(text("first-rebind", `${rebindEveryMs}ms`), TIME),
    rebindCount: parseQuantity(text("rebind-count", "1000000"), [""]),
    rebindWhat: values["rebind-address"] === true ? "address" : "port",
  };
}

/**
 * All of 127.0.0.0/8 is this machine: a loopback server can be shown any number of client
 * addresses.
 */
function defaultAddresses(serverHost: string): string {
  if (serverHost.includes(":")) return serverHost;
  return Array.from({ length: 64 }, (_, i) => `127.0.1.${i + 1}`).join(",");
}

function hostAndPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) throw new Error(`"${text}" is not HOST:PORT`);
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port };
}
