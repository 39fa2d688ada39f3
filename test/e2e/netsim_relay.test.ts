/**
 * The relay of the network simulator with plain UDP: if its delay, rate, loss, order or rebinding
 * were wrong, every test above it would measure something else than it says.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { udp } from "bun";
import { type Netsim, startNetsim } from "../../interop/netsim/spawn.ts";

/** A UDP server that answers every datagram with itself and remembers where it came from. */
interface Echo {
  socket: udp.Socket<"buffer">;
  sources: string[];
  answered: number;
}

async function startEcho(): Promise<Echo> {
  const sources: string[] = [];
  let answered = 0;
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    binaryType: "buffer",
    socket: {
      data: (self, bytes, port, address) => {
        const source = `${address}:${port}`;
        if (sources.at(-1) !== source) sources.push(source);
        self.send(bytes, port, address);
        answered++;
      },
    },
  });
  return {
    socket,
    sources,
    get answered() {
      return answered;
    },
  };
}

interface Exchange {
  order: number[];
  roundTripsMs: number[];
  /** From the first to the last arrival. */
  spanMs: number;
}

const LATE_MS = 5000;

/** Sends `count` numbered datagrams, `perTick` each millisecond or so, then waits `restMs`. */
async function exchange(
  netsim: Netsim,
  { count, bytes = 100, perTick = 1, restMs = 300, atLeast = 0 }: ExchangeOptions,
): Promise<Exchange> {
  const order: number[] = [];
  const arrivedMs: number[] = [];
  const sentMs: number[] = [];
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: {
      data: (_self, data) => {
        arrivedMs.push(performance.now());
        order.push(data.readUInt32BE(0));
      },
    },
  });
  for (let i = 0; i < count; i++) {
    const datagram = Buffer.alloc(bytes);
    datagram.writeUInt32BE(i, 0);
    sentMs.push(performance.now());
    socket.send(datagram, netsim.port, netsim.host);
    // More at once would overflow the socket's buffer and measure the kernel.
    if (i % perTick === perTick - 1) await Bun.sleep(1);
  }
  // On a busy machine answers come later; what was lost on purpose never does.
  await Bun.sleep(restMs);
  for (let waitedMs = 0; order.length < atLeast && waitedMs < LATE_MS; waitedMs += 20) {
    await Bun.sleep(20);
  }
  socket.close();
  return {
    order,
    roundTripsMs: order.map((number, i) => (arrivedMs[i] ?? 0) - (sentMs[number] ?? 0)),
    spanMs: (arrivedMs.at(-1) ?? 0) - (arrivedMs[0] ?? 0),
  };
}

interface ExchangeOptions {
  count: number;
  bytes?: number;
  perTick?: number;
  restMs?: number;
  /** Answers that are waited for beyond that. */
  atLeast?: number;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

describe("relay", () => {
  let echo: Echo;
  beforeAll(async () => {
    echo = await startEcho();
  });
  afterAll(() => echo.socket.close());
  const start = (...flags: string[]) =>
    startNetsim(["--server", `127.0.0.1:${echo.socket.port}`, ...flags]);

  test("delays each way, keeps the order, loses nothing by itself", async () => {
    const netsim = await start("--delay", "20ms", "--queue", "0");
    const { order, roundTripsMs } = await exchange(netsim, {
      count: 200,
      bytes: 1200,
      atLeast: 200,
    });
    const counters = await netsim.stop();
    console.log(
      `netsim: 2 x 20 ms gave a median round trip of ${median(roundTripsMs).toFixed(2)} ms`,
    );
    expect(order).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(median(roundTripsMs)).toBeWithin(39, 46);
    expect(counters.toServer.delivered).toBe(200);
    expect(counters.toClient.delivered).toBe(200);
    expect(counters).toMatchObject({ sendFailed: 0, kernelDropped: 0 });
  });

  test.each([
    ["10mbit", 10, 5],
    ["50mbit", 50, 25],
  ])("carries %s and no more", async (rate, wanted, perTick) => {
    const count = wanted * 50;
    const enough = count * 0.98;
    const isRight = (mbit: number) => mbit >= wanted * 0.93 && mbit < wanted * 1.03;
    let mbit = 0;
    let arrived = 0;
    // A busy machine takes late, in bunches, or not at all what the relay has sent: once more.
    for (let tries = 0; tries < 3 && !(isRight(mbit) && arrived >= enough); tries++) {
      const netsim = await start("--to-server-rate", rate, "--queue", "0");
      // Sent faster than it can go: the link, not the sender, sets the pace.
      const sent = await exchange(netsim, { count, bytes: 1220, perTick, atLeast: enough });
      const counters = await netsim.stop();
      expect(counters.toServer.delivered).toBe(count);
      expect(counters).toMatchObject({ sendFailed: 0, kernelDropped: 0 });
      arrived = sent.order.length;
      // 30 bytes of headers are counted on the simulated wire.
      mbit = ((arrived - 1) * 1250 * 8) / (sent.spanMs * 1000);
      console.log(`netsim: ${rate} carried ${mbit.toFixed(2)} Mbit/s, ${arrived} of ${count}`);
    }
    expect(arrived).toBeWithin(enough, count + 1);
    expect(mbit).toSatisfy(isRight);
  });

  test("loses 2 % of what crosses, and says which", async () => {
    const netsim = await start("--to-server-loss", "2%", "--seed", "11", "--queue", "0");
    const { order } = await exchange(netsim, { count: 3000, perTick: 20 });
    const counters = await netsim.stop();
    console.log(`netsim: seed ${counters.seed} lost ${counters.toServer.lost} of 3000`);
    // Binomial: 60 +- 5 sigma (7.7).
    expect(counters.toServer.lost).toBeWithin(22, 98);
    expect(counters.toServer.offered + counters.kernelDropped).toBe(3000);
    expect(order.length).toBe(counters.toClient.delivered);
  });

  test("shows the server another port, or another address, on command", async () => {
    const netsim = await start();
    echo.sources.length = 0;
    let answers = 0;
    const client = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: { data: () => void answers++ },
    });
    for (const what of [null, "port", "port", "address", "address"] as const) {
      if (what !== null) await netsim.rebind(what);
      const wanted = answers + 1;
      client.send(Buffer.from("probe"), netsim.port, netsim.host);
      for (let i = 0; i < LATE_MS && answers < wanted; i++) await Bun.sleep(1);
    }
    client.close();
    const counters = await netsim.stop();
    const seen = echo.sources;
    expect(answers).toBe(5);
    expect(new Set(seen).size).toBe(5);
    expect(new Set(seen.map((source) => source.split(":")[0])).size).toBe(3);
    expect(counters.rebindings).toBe(4);
  });

  test("what is in flight to an ended mapping is lost, as behind a NAT", async () => {
    const netsim = await start("--to-client-delay", "100ms");
    const came = echo.answered + 5;
    const pending = exchange(netsim, { count: 5 });
    for (let i = 0; i < LATE_MS && echo.answered < came; i++) await Bun.sleep(1);
    await Bun.sleep(20);
    await netsim.rebind("port");
    expect((await pending).order).toEqual([]);
    expect((await netsim.stop()).stale).toBe(5);
  });

  test("rebinds by itself, every so often", async () => {
    const netsim = await start("--rebind-every", "50ms", "--rebind-count", "4");
    echo.sources.length = 0;
    await exchange(netsim, { count: 300 });
    expect((await netsim.stop()).rebindings).toBe(4);
    expect(new Set(echo.sources).size).toBe(5);
  });
});
