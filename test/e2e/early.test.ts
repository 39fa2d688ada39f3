/**
 * Resumption and 0-RTT by a client nobody here wrote (RFC 9001 §4.6): what is taken, what a handler
 * gets of it (RFC 8470), and what a ticket is bound to; over two processes with one secret.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MeasuredServer } from "../support/measured_server.ts";
import { aioquic, peerMissing } from "../support/peer.ts";
import { differences } from "../support/rebinding.ts";

interface Seen {
  resumed: boolean;
  early: boolean;
  status: number;
}

const SECRET = "5".repeat(64);

function startServer(earlyData: boolean, secret: string): Promise<MeasuredServer> {
  return MeasuredServer.start({
    ...{ hostname: "127.0.0.1", workers: 3, earlyData, secret },
    ...{ idleTimeoutMs: 10_000, handshakeTimeoutMs: 5000 },
  });
}

describe.skipIf(peerMissing("aioquic"))("0-RTT", () => {
  let servers: MeasuredServer[] = [];
  beforeAll(async () => {
    servers = await Promise.all([
      startServer(true, SECRET),
      startServer(true, SECRET),
      startServer(true, "6".repeat(64)),
      startServer(false, SECRET),
    ]);
  });
  afterAll(async () => {
    for (const server of servers) expect(await server.stop()).toBe(0);
  });

  /** The second connection, to the server of that number, and what that server counted. */
  async function come(second: number, ...args: string[]) {
    const target = servers[second]!;
    const before = (await target.ask("measure")).counters;
    const ports = ["--port", `${servers[0]!.port}`, "--second-port", `${target.port}`];
    const seen = await aioquic<Seen>("early", [...ports, ...args], 30);
    const counted = differences(before, (await target.ask("measure")).counters);
    expect(counted).toMatchObject({ panics: 0, early_held: 0 });
    return { ...seen, counted };
  }

  test("a GET is answered", async () => {
    const { counted, ...seen } = await come(0);
    expect(seen).toEqual({ resumed: true, early: true, status: 200 });
    expect(counted).toMatchObject({ early: 1, resumed: 1 });
  });

  test("a POST gets 425", async () => {
    const { counted, ...seen } = await come(0, "--method", "POST");
    expect(seen).toEqual({ resumed: true, early: true, status: 425 });
    expect(counted).toMatchObject({ early: 1 });
  });

  test("another process with the secret takes it, one with another does not", async () => {
    const { counted, ...seen } = await come(1);
    expect(seen).toEqual({ resumed: true, early: true, status: 200 });
    expect(counted).toMatchObject({ early: 1, resumed: 1, established: 1 });
    const stranger = await come(2);
    expect(stranger).toMatchObject({ resumed: false, early: false, status: 200 });
  });

  test("a server that has it off resumes, and takes a POST after the handshake", async () => {
    const { counted, ...seen } = await come(3, "--method", "POST");
    expect(seen).toEqual({ resumed: true, early: false, status: 200 });
    expect(counted).toMatchObject({ early: 0, resumed: 1 });
  });

  test("another server name does not even resume", async () => {
    const { counted, ...seen } = await come(0, "--second-name", "other.example");
    expect(seen).toEqual({ resumed: false, early: false, status: 200 });
    expect(counted).toMatchObject({ early: 0, resumed: 0 });
  });

  test("another protocol resumes, without early data", async () => {
    const { counted, ...seen } = await come(0, "--second-alpn", "echo");
    expect(seen).toEqual({ resumed: true, early: false, status: 0 });
    expect(counted).toMatchObject({ early: 0, resumed: 1 });
  });
});
