/** Who is where in a lab: which packets cross, and the hardware addresses they cross with. */
import { describe, expect, test } from "bun:test";
import { LEFT, RIGHT } from "../../interop/lab/simulator/hosts.ts";
import type { Packet } from "../../interop/lab/simulator/packet.ts";
import { type Ends, TO_CLIENT, TO_SERVER, udpPacket } from "./packets.ts";

const PAYLOAD = new Uint8Array(4);
const V6: Ends = {
  ...TO_SERVER,
  source: "fd00:cafe:cafe:0::100",
  destination: "fd00:cafe:cafe:100::100",
};
const to = (destination: string): Packet => {
  const ends = destination.includes(":") ? V6 : TO_SERVER;
  return udpPacket(PAYLOAD, { ...ends, destination });
};
const hardware = (packet: Packet): string => packet.bytes.subarray(0, 12).toHex();

describe("the host of a packet", () => {
  test.each([
    ["193.167.100.100", -1, 100],
    ["193.167.100.110", -1, 110],
    ["193.167.0.2", 2, -1],
    ["193.167.0.90", 90, -1],
    ["192.0.2.100", -1, -1],
    ["fd00:cafe:cafe:100::100", -1, 100],
    ["fd00:cafe:cafe:100::110", -1, 110],
    ["fd00:cafe:cafe:0::90", 90, -1],
    ["ff02::1", -1, -1],
  ])("%s: %p on the left, %p on the right", (address, left, right) => {
    const packet = to(address);
    expect([LEFT.hostOf(packet), RIGHT.hostOf(packet)]).toEqual([left, right]);
  });

  test("a frame that is no IP packet has none", () => {
    const packet = to("193.167.0.100");
    packet.setWord(12, 0x0806);
    expect(LEFT.hostOf(packet)).toBe(-1);
  });
});

test("what leaves goes from the simulator's device to its host's", () => {
  const server = to(TO_SERVER.destination);
  expect(RIGHT.direct(server)).toBe(true);
  expect(hardware(server)).toBe("0200c1a764640200c1a76402");
  const client = udpPacket(PAYLOAD, TO_CLIENT);
  expect(LEFT.direct(client)).toBe(true);
  expect(hardware(client)).toBe("0200c1a700640200c1a70002");
  // Nobody has it: as with an ARP request that is not answered.
  expect(RIGHT.direct(to("193.167.100.7"))).toBe(false);
});

test("what arrives was sent to the simulator by another machine", () => {
  const packet = to(TO_SERVER.destination);
  packet.bytes.set(Uint8Array.fromHex("0200c1a700020200c1a70064"), 0);
  expect(LEFT.isArrival(packet)).toBe(true);
  expect(RIGHT.isArrival(packet)).toBe(false);
  packet.bytes.set(Uint8Array.fromHex("0200c1a700640200c1a70002"), 0);
  expect(LEFT.isArrival(packet)).toBe(false);
});
