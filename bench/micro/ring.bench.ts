/**
 * Question: what does a command cost JavaScript, from the free entry to the published one, and what
 * the worker that reads it?
 *
 * Budget: 0.15 us to publish, calls and checks included, of 0.3 us for rings and wake-ups that a
 * whole request may take. Commands name a connection that is not there, so the worker reads,
 * checks and drops them: what a command does is no part of this. The workers are those of the
 * simulated network (native/sim/): they run when they are told, on this thread.
 */
import { bench, run, summary } from "mitata";
import {
  COMMAND_BUFFER_WORD,
  COMMAND_CONNECTION_GENERATION_WORD,
  COMMAND_CONNECTION_WORD,
  COMMAND_KIND_WORD,
  COMMAND_RESET,
  COMMAND_STREAM_GENERATION_WORD,
  COMMAND_STREAM_WORD,
  NONE,
  OK,
} from "../../src/native/abi.gen.ts";
import { mapAttachment } from "../../src/native/attachment.ts";
import { NativeSimulation } from "../../src/native/simulation.ts";
import { engineOptionsOf } from "../../src/server/options.ts";
import { SIMULATED_IDENTITY } from "../../src/simulate/identity.ts";

const COMMANDS_PER_ITERATION = process.env.SMOKE === "1" ? 16 : 4096;

const simulation = new NativeSimulation(1);
const { addon, calls } = simulation.library;
const options = engineOptionsOf(
  { port: 443, hostname: "10.0.0.1", workers: 1 },
  SIMULATED_IDENTITY,
);
const engine = addon.start({ ...options, alpn: ["h3"], routing: "forward", apps: 1, pin: false });
const handle = addon.attach(engine.engine, 0, () => {})!;
const { commandRings, eventRings } = mapAttachment(calls, engine, 0, handle);
const commands = commandRings[0]!;
const events = eventRings[0]!;

function publish(): void {
  const entry = commands.reserve();
  if (entry < 0) throw new Error("the ring is full");
  const { words } = commands;
  words[entry + COMMAND_KIND_WORD] = COMMAND_RESET;
  words[entry + COMMAND_CONNECTION_WORD] = 7;
  words[entry + COMMAND_CONNECTION_GENERATION_WORD] = 1;
  words[entry + COMMAND_STREAM_WORD] = 7;
  words[entry + COMMAND_STREAM_GENERATION_WORD] = 1;
  words[entry + COMMAND_BUFFER_WORD] = NONE;
  commands.commit();
}

let untilMs = 0;
/** The worker reads what is there. */
function drain(): void {
  calls.quicd_kick(handle, 0);
  untilMs += 1;
  while (simulation.run(untilMs) < untilMs) simulation.ring();
}

summary(() => {
  bench("publish and read, $commands commands", function* (state: { get(name: string): unknown }) {
    const count = state.get("commands") as number;
    yield () => {
      for (let i = 0; i < count; i++) publish();
      drain();
    };
  }).args("commands", [0, COMMANDS_PER_ITERATION]);
});

bench("one call: is there an event?", () => {
  if (events.peek() !== 0) throw new Error("an event of nobody's");
});

bench("two calls: a buffer taken and given back", () => {
  const buffer = calls.quicd_buffer_take(handle, 0);
  const slab = engine.workers.length;
  if (calls.quicd_buffer_release(handle, slab, buffer) !== OK) throw new Error("no such lease");
});

await run({ format: process.argv.includes("--json") ? "json" : "mitata", throw: true });
addon.detach(handle);
