/** The simulator as a process of its own: simulator/simulator.ts in the lab's middle. */
import { join } from "node:path";
import { readLine } from "../netsim/read_line.ts";
import type { Simulator, SimulatorOptions } from "./lab.ts";
import { parseScenario } from "./simulator/scenario.ts";

const PROGRAM = join(import.meta.dir, "simulator/simulator.ts");

interface Message {
  event: "ready" | "failed" | "end";
  reason?: string;
  counters?: Record<string, number>;
}

/** `holder`: a process in the simulator's network namespace. Throws on what is no scenario. */
export function startSimulator(holder: number, options: SimulatorOptions): Simulator {
  parseScenario(options.scenario);
  const child = Bun.spawn(
    [
      ...["nsenter", `--net=/proc/${holder}/ns/net`, process.execPath, PROGRAM],
      ...["--scenario", options.scenario, "--seed", `${options.seed}`],
      ...["--corrupt", options.corrupt, "--folder", options.folder],
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const next = async (): Promise<Message> => {
    const line = await readLine(child.stdout);
    if (line === null) throw new Error("the simulator ended before its time: see what it printed");
    return JSON.parse(line) as Message;
  };
  const first = next();
  const ready = first.then((message) => {
    if (message.event !== "ready") throw new Error(message.reason ?? message.event);
  });
  // Who only stops it need not have looked.
  ready.catch(() => undefined);

  const end = async (): Promise<Readonly<Record<string, number>>> => {
    child.stdin.end();
    const message = await first.catch(() => null);
    const last = message?.event === "ready" ? await next() : message;
    await child.exited;
    return last?.counters ?? {};
  };
  let ending: ReturnType<typeof end> | null = null;
  return {
    ready,
    stop: () => {
      ending ??= end();
      return ending;
    },
  };
}
