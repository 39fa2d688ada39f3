/** quicd/test: real applications over a simulated network, repeated by their seed. */
import { expect, test } from "bun:test";
import { EchoFactory } from "../../src/apps/echo/factory.ts";
import { AppRegistry } from "../../src/index.ts";
import { type SimulatedWorld, SimulationError, simulate } from "../../src/test.ts";
import { roundTrip } from "../support/client_side.ts";

const BYTES = 200_000;
const BAD = { delayMs: 20, jitterMs: 8, loss: 0.05, duplicate: 0.02, corrupt: 0.01, reorder: 0.05 };

function payload(): Uint8Array {
  return Uint8Array.from({ length: BYTES }, (_, index) => (index * 31) ^ (index >> 8));
}

async function echo(world: SimulatedWorld): Promise<boolean> {
  const server = await world.serve(new AppRegistry().register("echo", new EchoFactory()));
  const connection = await world.connect({ ...server, alpn: "echo" });
  const sent = payload();
  const back = await roundTrip(connection, sent);
  connection.close(0, "done");
  return Bun.hash(back) === Bun.hash(sent);
}

test("an echo comes back whole through a bad network, the same for the same seed", async () => {
  const traces = new Set<string>();
  for (const seed of [1, 2, 1]) {
    const { value, trace, virtualMs, datagrams } = await simulate({
      ...{ seed, network: BAD, run: echo },
    });
    expect(value).toBe(true);
    expect(virtualMs).toBeGreaterThan(100);
    expect(datagrams.lost).toBeGreaterThan(0);
    traces.add(`${seed} ${trace}`);
  }
  expect(traces.size).toBe(2);
});

test("another process gives a seed the same trace", async () => {
  const { trace } = await simulate({ seed: 7, network: BAD, run: echo });
  const program = `
    import { EchoFactory } from "${import.meta.dir}/../../src/apps/echo/factory.ts";
    import { AppRegistry } from "${import.meta.dir}/../../src/index.ts";
    import { simulate } from "${import.meta.dir}/../../src/test.ts";
    import { roundTrip } from "${import.meta.dir}/../support/client_side.ts";
    ${payload.toString().replace("BYTES", String(BYTES))}
    ${echo.toString()}
    const result = await simulate({ seed: 7, network: ${JSON.stringify(BAD)}, run: echo });
    console.log(result.trace);
  `;
  const child = Bun.spawnSync([process.execPath, "-e", program]);
  expect(child.stdout.toString().trim()).toBe(trace);
});

test("a failure names seed and trace, and shows the log", async () => {
  const failing = simulate({
    seed: 3,
    async run(world) {
      world.log("about to fail");
      await world.sleep(1500);
      throw new Error("the answer is wrong");
    },
  });
  const error = await failing.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(SimulationError);
  expect((error as SimulationError).message).toMatch(
    /the answer is wrong\n.*seed 3, 1500\.000 virtual ms, trace [0-9a-f]{16}\n.*about to fail/,
  );
});

test("what never ends is ended by its limit", async () => {
  const started = performance.now();
  const endless = simulate({ seed: 4, limitMs: 3_600_000, run: () => new Promise(() => {}) });
  expect(endless).rejects.toThrow(/not ended after 3600000 virtual ms/);
  await endless.catch(() => {});
  expect(performance.now() - started).toBeLessThan(20_000);
});

test("time is virtual inside, and real again after it", async () => {
  const real = Date.now();
  const { value } = await simulate({
    seed: 5,
    async run() {
      const before = Date.now();
      await new Promise((resolve) => setTimeout(resolve, 30_000));
      return { passed: Date.now() - before, year: new Date(Date.now()).getUTCFullYear() };
    },
  });
  expect(value).toEqual({ passed: 30_000, year: 2030 });
  expect(Date.now() - real).toBeLessThan(20_000);
});

test("a connection survives a blackout and a new address", async () => {
  const { value, datagrams } = await simulate({
    seed: 6,
    async run(world) {
      const server = await world.serve(new AppRegistry().register("echo", new EchoFactory()));
      const connection = await world.connect({ ...server, alpn: "echo", keepAliveMs: 1000 });
      const first = roundTrip(connection, payload());
      await world.sleep(50);
      world.setNetwork({ blackout: true });
      world.rebind("address");
      await world.sleep(2000);
      world.setNetwork({});
      const back = await first;
      connection.close(0, "");
      return Bun.hash(back) === Bun.hash(payload());
    },
  });
  expect(value).toBe(true);
  expect(datagrams.lost).toBeGreaterThan(0);
});

test("one at a time", async () => {
  const first = simulate({ seed: 8, run: async () => 1 });
  expect(simulate({ seed: 9, run: async () => 2 })).rejects.toThrow(/one simulation at a time/);
  expect((await first).value).toBe(1);
});

test("a time between two nanoseconds is reached", async () => {
  const { value } = await simulate({
    seed: 6,
    async run(world) {
      for (let i = 0; i < 2000; i++) await world.sleep(1 + i / 7 + 1e-7 * i);
      return world.now();
    },
    limitMs: 3_600_000,
  });
  expect(value).toBeGreaterThan(285_000);
});
