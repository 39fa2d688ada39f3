/**
 * How the bench talks to a server under measurement: lines on its standard input.
 *
 *   counters    prints its counters as one line of JSON
 *   places      the same for each place where a connection can be: a worker, or the process
 *   stall N     from now on every turn of the event loop takes N ms; 0: no more
 *
 * The end of the input ends the server.
 */
export type ServerCounters = Record<string, number>;

export interface Controlled {
  port: number;
  /** Where JavaScript cannot know them: nothing. */
  counters(): ServerCounters;
  places(): ServerCounters[];
  stop(): Promise<void> | void;
}

let stallMs = 0;

function stall(): void {
  if (stallMs === 0) return;
  Bun.sleepSync(stallMs);
  setImmediate(stall);
}

function startStall(ms: number): void {
  const running = stallMs > 0;
  stallMs = ms;
  if (!running) stall();
}

/** Starts a server; where it can't, says why to the bench, and ends. */
export async function started<Server>(server: () => Server | Promise<Server>): Promise<Server> {
  try {
    return await server();
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: `${error}` })}\n`);
    process.exit(1);
  }
}

/** Prints the port, then obeys until the input ends. */
export async function control(server: Controlled): Promise<never> {
  const say = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
  say({ port: server.port });
  for await (const line of console) {
    const [verb, value] = line.split(" ");
    if (verb === "counters") say(server.counters());
    else if (verb === "places") say(server.places());
    else if (verb === "stall") {
      startStall(Number(value));
      say({ stall: stallMs });
    }
  }
  await server.stop();
  process.exit(0);
}
