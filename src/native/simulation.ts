/**
 * build/lib/quicd_sim.node: the same addon, whose engines run over a network in memory and in
 * virtual time, when and as long as {@link NativeSimulation.run} is called (native/sim/control.h).
 *
 * Bells do not ring by themselves here: `ring` calls those that are due, in the order in which the
 * app threads attached, so that equal seeds give equal runs.
 */
import { dlopen } from "bun:ffi";
import { join } from "node:path";
import { assert } from "../assert.ts";
import type { Addon } from "./addon.ts";
import { libraryPath, type NativeLibrary, openLibrary } from "./library.ts";

const SYMBOLS = {
  quicd_sim_control_begin: { args: ["f64"], returns: "void" },
  quicd_sim_control_end: { args: [], returns: "void" },
  quicd_sim_control_run: { args: ["f64"], returns: "f64" },
  quicd_sim_control_bells: { args: ["u32"], returns: "u32" },
  quicd_sim_control_stop: { args: ["u32"], returns: "void" },
  quicd_sim_control_weather: { args: ["u32", "ptr"], returns: "void" },
  quicd_sim_control_rebind: { args: ["u32"], returns: "void" },
  quicd_sim_control_fates: { args: ["ptr", "u32"], returns: "u32" },
  quicd_sim_control_trace: { args: ["u32"], returns: "u32" },
} as const;

/** By enum quicd_sim_fate. */
const FATES = [
  ...["sent", "delivered", "lost", "duplicated", "corrupted", "heldBack", "queueFull"],
  ...["tooLarge", "nowhere", "noBuffers", "cut", "inboxFull", "marked"],
] as const;

/** What became of datagrams. */
export type Fates = Record<string, number>;

/** Numbers of one direction, in the order of quicd_sim_control_weather. */
export type WeatherNumbers = Float64Array;

interface Bell {
  handle: number;
  ring: () => void;
  seen: number;
}

interface Opened {
  native: NativeLibrary;
  calls: ReturnType<typeof openCalls>;
}

let opened: Opened | null = null;

const openCalls = (path: string) => dlopen(path, SYMBOLS).symbols;

function open(): Opened {
  if (opened !== null) return opened;
  const path = process.env.QUICD_NATIVE_SIM ?? join(libraryPath(), "../quicd_sim.node");
  opened = { native: openLibrary(path), calls: openCalls(path) };
  return opened;
}

export class NativeSimulation {
  readonly library: NativeLibrary;
  readonly #calls: Opened["calls"];
  readonly #bells: Bell[] = [];

  /** @throws {NativeMissing} when the file has not been built. */
  constructor(seed: number) {
    const { native, calls } = open();
    this.#calls = calls;
    this.library = { ...native, addon: this.#addon(native.addon) };
    calls.quicd_sim_control_begin(seed);
  }

  #addon(real: Addon): Addon {
    return {
      ...real,
      attach: (engine, app, ring) => {
        const handle = real.attach(engine, app, ring);
        if (handle !== null) this.#bells.push({ handle, ring, seen: 0 });
        return handle;
      },
      detach: (handle) => {
        const index = this.#bells.findIndex((bell) => bell.handle === handle);
        if (index >= 0) this.#bells.splice(index, 1);
        real.detach(handle);
      },
      stop: (engine, done) => {
        this.#calls.quicd_sim_control_stop(engine);
        queueMicrotask(done);
      },
    };
  }

  /** Until a bell is due or it is `untilMs`; the time it is then, milliseconds. */
  run(untilMs: number): number {
    return this.#calls.quicd_sim_control_run(untilMs);
  }

  /** Rings the bells that are due. */
  ring(): void {
    for (const bell of [...this.#bells]) {
      const count = this.#calls.quicd_sim_control_bells(bell.handle);
      if (count === bell.seen) continue;
      bell.seen = count;
      bell.ring();
    }
  }

  weather(direction: "toServer" | "toClient", numbers: WeatherNumbers): void {
    this.#calls.quicd_sim_control_weather(direction === "toServer" ? 0 : 1, numbers);
  }

  rebind(address: boolean): void {
    this.#calls.quicd_sim_control_rebind(address ? 1 : 0);
  }

  fates(): Fates {
    const numbers = new Float64Array(FATES.length);
    const fates = this.#calls.quicd_sim_control_fates(numbers, numbers.length);
    assert(fates === FATES.length, `the simulator has ${fates} fates, not ${FATES.length}`);
    return Object.fromEntries(FATES.map((name, index) => [name, numbers[index] ?? 0]));
  }

  /** Of all that happened on the network so far; 16 hex digits. */
  trace(): string {
    const part = (high: number) => this.#calls.quicd_sim_control_trace(high).toString(16);
    return part(1).padStart(8, "0") + part(0).padStart(8, "0");
  }

  end(): void {
    this.#calls.quicd_sim_control_end();
  }
}
