#!/usr/bin/env bun
//   bun interop/netsim/netsim.ts --server 127.0.0.1:4433 --delay 15ms --rate 10mbit --queue 25
//   bun interop/netsim/netsim.ts --server 127.0.0.1:4433 --loss 2% --seed 7 --listen 127.0.0.1:4500
//   bun interop/netsim/netsim.ts --server 127.0.0.1:4433 --rebind-every 200ms --rebind-count 20
//
// The network simulator as a program. Prints one JSON object a line: where it listens, then
// counters when asked and at the end. Commands on standard input: `rebind port`, `rebind address`,
// both also with `amid` at the end (see Relay.rebind), `stats`, `stop`. Ends with its standard
// input.
import { createInterface } from "node:readline";
import { parseOptions, USAGE } from "./options.ts";
import { Relay } from "./relay.ts";

const argv = process.argv.slice(2);
if (argv.includes("--help")) {
  console.log(USAGE);
  process.exit(0);
}

function print(event: string, details: object): void {
  console.log(JSON.stringify({ event, ...details }));
}

const options = parseOptions(argv);
const relay = await Relay.open(options);
print("listening", { host: options.listenHost, port: relay.port, seed: options.seed });

let rebindTimer: ReturnType<typeof setTimeout> | null = null;
if (options.rebindEveryMs > 0) {
  let left = options.rebindCount;
  let startedMs = 0;
  // Time starts with the first client, not with the program: it is the transfer that is to be
  // disturbed.
  const tick = async () => {
    if (startedMs === 0 && relay.counters.clients > 0) startedMs = performance.now();
    const due = startedMs > 0 && performance.now() - startedMs >= options.firstRebindMs;
    if (due && left > 0) {
      left--;
      startedMs += options.rebindEveryMs;
      await relay.rebind(options.rebindWhat);
    }
    if (left > 0) rebindTimer = setTimeout(tick, 5);
  };
  rebindTimer = setTimeout(tick, 5);
}

function stop(): never {
  if (rebindTimer !== null) clearTimeout(rebindTimer);
  print("end", relay.counters);
  relay.close();
  process.exit(0);
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
for await (const line of createInterface({ input: process.stdin })) {
  const [, what, amid] = /^rebind (port|address)( amid)?$/.exec(line) ?? [];
  if (what === "port" || what === "address") {
    await relay.rebind(what, amid !== undefined);
    print("rebound", { rebindings: relay.counters.rebindings });
  } else if (line === "stats") {
    print("stats", relay.counters);
  } else if (line === "stop") {
    break;
  } else if (line !== "") {
    print("error", { message: `unknown command: ${line}` });
  }
}
stop();
