/** Who lives on the two networks of a lab, and where: see ../hold_lab.sh, which sets it up. */
import { ETHERNET_BYTES, type Packet } from "./packet.ts";

const HARDWARE_BYTES = 6;
const IPV6_DESTINATION_AT = ETHERNET_BYTES + 24;
/** fd00:cafe:cafe: */
const IPV6_PREFIX = [0xfd, 0x00, 0xca, 0xfe, 0xca, 0xfe] as const;

/** One network: the third number of its IPv4 addresses, and who is there beside the simulator. */
export class Side {
  /** Of the simulator's device. */
  readonly own: Uint8Array;

  constructor(
    readonly network: number,
    readonly hosts: readonly number[],
  ) {
    this.own = new Uint8Array([2, 0, 193, 167, network, 2]);
  }

  /** Whether the frame came from another machine to the simulator's hardware address. */
  isArrival(packet: Packet): boolean {
    return this.#isOwn(packet, 0) && !this.#isOwn(packet, HARDWARE_BYTES);
  }

  /** Last number of the packet's destination when that is on this network; -1 when not. */
  hostOf(packet: Packet): number {
    const { bytes } = packet;
    if (packet.isIpv4) {
      const there = bytes[30] === 193 && bytes[31] === 167 && bytes[32] === this.network;
      return there ? (bytes[33] ?? -1) : -1;
    }
    if (!packet.isIpv6) return -1;
    const at = IPV6_DESTINATION_AT;
    for (let i = 0; i < IPV6_PREFIX.length; i++) {
      if (bytes[at + i] !== IPV6_PREFIX[i]) return -1;
    }
    // Its digits are those of the IPv4 address, read as hexadecimal ones.
    const network = packet.word(at + 6) === 0x100 ? 100 : 0;
    return network === this.network ? Number(packet.word(at + 14).toString(16)) : -1;
  }

  /** Writes the hardware addresses for this network; false when nobody there has the address. */
  direct(packet: Packet): boolean {
    const host = this.hostOf(packet);
    if (!this.hosts.includes(host)) return false;
    packet.bytes.set(this.own, HARDWARE_BYTES);
    packet.bytes.set(this.own, 0);
    packet.bytes[HARDWARE_BYTES - 1] = host;
    return true;
  }

  #isOwn(packet: Packet, at: number): boolean {
    for (let i = 0; i < HARDWARE_BYTES; i++) {
      if (packet.bytes[at + i] !== this.own[i]) return false;
    }
    return true;
  }
}

export const LEFT = new Side(0, [100, 90]);
export const RIGHT = new Side(100, [100, 110]);
