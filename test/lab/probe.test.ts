/** Waiting for a QUIC server by Version Negotiation. */
import { expect, test } from "bun:test";
import { probeVersionNegotiation } from "../../interop/lab/simulator/probe.ts";

const HOST = "127.0.0.1";
const never = (): boolean => false;

/** A socket that answers each datagram with these bytes, from the nth on. */
async function answering(bytes: readonly number[], from: number) {
  const got: Uint8Array[] = [];
  const socket = await Bun.udpSocket({
    hostname: HOST,
    socket: {
      data: (own, data, port, address) => {
        got.push(new Uint8Array(data));
        if (got.length >= from) own.send(new Uint8Array(bytes), port, address);
      },
    },
  });
  return { got, port: socket.port, close: () => socket.close() };
}

test("asks with a padded long header of an unknown version, until there is an answer", async () => {
  const negotiation = [0xca, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  const server = await answering(negotiation, 3);
  const answer = await probeVersionNegotiation(HOST, server.port, 5000, never);
  server.close();
  expect([...(answer ?? [])]).toEqual(negotiation);
  expect(server.got.length).toBe(3);
  const [probe = new Uint8Array()] = server.got;
  expect(probe.length).toBe(1207);
  expect([...probe.subarray(0, 7)]).toEqual([0xc0, 0x57, 0x41, 0x49, 0x54, 0, 0]);
});

test("takes nothing else for an answer", async () => {
  const initial = [0xc0, 0, 0, 0, 1, 0, 0];
  const server = await answering(initial, 1);
  expect(await probeVersionNegotiation(HOST, server.port, 250, never)).toBeNull();
  expect(server.got.length).toBeGreaterThan(1);
  server.close();
});

test("gives up when nobody listens, and when it is stopped", async () => {
  const server = await answering([], 1);
  server.close();
  expect(await probeVersionNegotiation(HOST, server.port, 250, never)).toBeNull();
  const started = performance.now();
  expect(await probeVersionNegotiation(HOST, server.port, 60_000, () => true)).toBeNull();
  expect(performance.now() - started).toBeLessThan(30_000);
});
