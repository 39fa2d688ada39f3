/** The NAT that forgets: what server and client see of each other before and after. */
import { expect, test } from "bun:test";
import { Rebinding } from "../../interop/lab/simulator/rebinding.ts";
import { createRandom } from "../../interop/netsim/random.ts";
import { checksumsHold, type Ends, endsOf, TO_CLIENT, TO_SERVER, udpPacket } from "./packets.ts";

const SECOND = 1e9;

function nat(address: boolean) {
  const log: string[] = [];
  const options = { firstNs: SECOND, everyNs: 5 * SECOND, address };
  const rebinding = new Rebinding(options, createRandom(4), (_timeNs, text) => log.push(text));
  /** What the server gets of a packet from this port of the client. */
  const up = (seconds: number, sourcePort = TO_SERVER.sourcePort): Ends => {
    const packet = udpPacket(new Uint8Array(33), { ...TO_SERVER, sourcePort });
    expect(rebinding.toServer(packet, packet.udpAt, seconds * SECOND)).toBe("passes");
    expect(checksumsHold(packet)).toBe(true);
    return endsOf(packet);
  };
  /** What the client gets of the server's answer; null: nothing. */
  const down = (seconds: number, to: Ends): Ends | null => {
    const ends = { ...TO_CLIENT, destination: to.source, destinationPort: to.sourcePort };
    const packet = udpPacket(new Uint8Array(33), ends);
    const fate = rebinding.toClient(packet, packet.udpAt, seconds * SECOND);
    expect(checksumsHold(packet)).toBe(true);
    return fate === "passes" ? endsOf(packet) : null;
  };
  return { up, down, log };
}

test("at first nothing is changed", () => {
  const { up, down } = nat(true);
  expect(up(0)).toEqual(TO_SERVER);
  expect(down(0.5, TO_SERVER)).toEqual(TO_CLIENT);
});

test("then the port is another one, and the old one leads nowhere", () => {
  const { up, down } = nat(false);
  const first = up(0);
  const second = up(1);
  expect(second.source).toBe(first.source);
  expect(second.sourcePort).not.toBe(first.sourcePort);
  expect(down(1, second)).toEqual(TO_CLIENT);
  expect(down(1, first)).toBeNull();
  expect(up(5.9)).toEqual(second);
  const third = up(6);
  expect(third.sourcePort).not.toBe(second.sourcePort);
  expect(down(6, second)).toBeNull();
  expect(down(6, third)).toEqual(TO_CLIENT);
});

test("with the address: an address of the client's network that nobody has", () => {
  const { up, down } = nat(true);
  up(0);
  const seen = new Set<string>();
  for (let i = 0; i < 600; i++) {
    const ends = up(1 + 5 * i);
    seen.add(ends.source);
    expect(down(1 + 5 * i, ends)).toEqual(TO_CLIENT);
  }
  const hosts = [...seen].map((address) => Number(address.replace("193.167.0.", "")));
  expect(Math.min(...hosts)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...hosts)).toBeLessThanOrEqual(254);
  for (const taken of [2, 90, 100]) expect(hosts).not.toContain(taken);
  expect(hosts.length).toBeGreaterThan(200);
});

test("an ended address with a port that is valid passes", () => {
  const { up, down } = nat(true);
  const first = up(0);
  const second = up(1);
  expect(down(1, { ...second, source: first.source })).toEqual(TO_CLIENT);
});

test("each port has its own; a later one keeps its number until the next time", () => {
  const { up, down, log } = nat(false);
  up(0, 1000);
  up(0, 2000);
  const [one, two] = [up(1, 1000), up(1, 2000)];
  expect(one.sourcePort).not.toBe(two.sourcePort);
  expect(down(1, two)?.destinationPort).toBe(2000);
  expect(up(2, 3000).sourcePort).toBe(3000);
  expect(up(6, 3000).sourcePort).not.toBe(3000);
  expect(log.length).toBe(5);
});
