/** Ethernet frames with UDP packets, built by hand; checksums by a sum of their own. */
import { readFileSync } from "node:fs";
import { ETHERNET_BYTES, FRAME_BYTES_MAX, Packet } from "../../interop/lab/simulator/packet.ts";

export interface Ends {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
}

export const TO_SERVER: Ends = {
  source: "193.167.0.100",
  destination: "193.167.100.100",
  sourcePort: 50_000,
  destinationPort: 443,
};

export const TO_CLIENT: Ends = {
  source: TO_SERVER.destination,
  destination: TO_SERVER.source,
  sourcePort: 443,
  destinationPort: 50_000,
};

/** A packet as the simulator holds it, over IPv4 or, with colons in the addresses, IPv6. */
export function udpPacket(payload: Uint8Array, ends: Ends = TO_SERVER): Packet {
  const packet = new Packet(new Uint8Array(FRAME_BYTES_MAX), 0);
  const ipv6 = ends.source.includes(":");
  const udpAt = ETHERNET_BYTES + (ipv6 ? 40 : 20);
  const udpBytes = 8 + payload.length;
  packet.length = udpAt + udpBytes;
  packet.setWord(12, ipv6 ? 0x86dd : 0x0800);
  if (ipv6) {
    packet.bytes[ETHERNET_BYTES] = 0x60;
    packet.setWord(18, udpBytes);
    packet.bytes.set([17, 64], 20);
    packet.bytes.set(ipv6Bytes(ends.source), 22);
    packet.bytes.set(ipv6Bytes(ends.destination), 38);
  } else {
    packet.bytes[ETHERNET_BYTES] = 0x45;
    packet.setWord(16, 20 + udpBytes);
    packet.bytes.set([64, 17], 22);
    packet.bytes.set(ends.source.split(".").map(Number), 26);
    packet.bytes.set(ends.destination.split(".").map(Number), 30);
  }
  packet.setWord(udpAt, ends.sourcePort);
  packet.setWord(udpAt + 2, ends.destinationPort);
  packet.setWord(udpAt + 4, udpBytes);
  // Not 0, which would mean that there is none.
  packet.setWord(udpAt + 6, 0xffff);
  packet.bytes.set(payload, udpAt + 8);
  packet.writeChecksums(udpAt);
  return packet;
}

function ipv6Bytes(text: string): number[] {
  const [head = "", tail = ""] = text.split("::");
  const words = (part: string) => (part === "" ? [] : part.split(":"));
  const gap = 8 - words(head).length - words(tail).length;
  const all = [...words(head), ...Array<string>(gap).fill("0"), ...words(tail)];
  return all.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff]);
}

export function endsOf(packet: Packet): Ends {
  const at = packet.udpAt;
  const address = (from: number) => packet.bytes.subarray(from, from + 4).join(".");
  return {
    source: address(Packet.SOURCE_AT),
    destination: address(Packet.DESTINATION_AT),
    sourcePort: packet.word(at),
    destinationPort: packet.word(at + 2),
  };
}

export function payloadOf(packet: Packet): Uint8Array {
  const at = packet.udpAt + 8;
  return packet.bytes.slice(at, at + packet.udpPayloadBytes(packet.udpAt));
}

/** Both checksums verify: a sum over what they cover is 0xffff (RFC 1071 §1). */
export function checksumsHold(packet: Packet): boolean {
  const at = packet.udpAt;
  const { bytes } = packet;
  const header = packet.isIpv4 ? bytes.subarray(ETHERNET_BYTES, at) : new Uint8Array([255, 255]);
  const addresses = bytes.subarray(packet.isIpv4 ? 26 : 22, at);
  const udp = bytes.subarray(at, at + packet.word(at + 4));
  const pseudo = [...addresses, 0, 17, udp.length >> 8, udp.length & 0xff];
  return onesSum([...header]) === 0xffff && onesSum([...pseudo, ...udp]) === 0xffff;
}

function onesSum(bytes: readonly number[]): number {
  let sum = 0;
  for (const [i, byte] of bytes.entries()) {
    sum += i % 2 === 0 ? byte << 8 : byte;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** The UDP packets of a capture file, in its order. */
export function readCapture(path: string): Packet[] {
  const file = readFileSync(path);
  const packets: Packet[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const packet = new Packet(file.subarray(at + 16, at + 16 + length), 0);
    packet.length = length;
    if (packet.udpAt > 0) packets.push(packet);
    at += 16 + length;
  }
  return packets;
}
