/** Where things are in an Ethernet frame with an IP packet, and its checksums (RFC 768, 1071). */

export const ETHERNET_BYTES = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const PROTOCOL_UDP = 17;
const IPV6_HEADER_BYTES = 40;
const UDP_HEADER_BYTES = 8;

/** Room for a frame, and more than any Ethernet device here has. */
export const FRAME_BYTES_MAX = 2048;

/** A frame on its way. Reused: see PacketPool in node.ts. */
export class Packet {
  length = 0;
  dueNs = 0;
  next: Packet | null = null;

  constructor(
    readonly bytes: Uint8Array,
    /** Of `bytes`, as the kernel knows it. */
    readonly address: number,
  ) {}

  word(at: number): number {
    return ((this.bytes[at] ?? 0) << 8) | (this.bytes[at + 1] ?? 0);
  }

  setWord(at: number, value: number): void {
    this.bytes[at] = value >> 8;
    this.bytes[at + 1] = value & 0xff;
  }

  get isIpv4(): boolean {
    return this.word(12) === TYPE_IPV4 && this.length >= ETHERNET_BYTES + 20;
  }

  get isIpv6(): boolean {
    return this.word(12) === TYPE_IPV6 && this.length >= ETHERNET_BYTES + IPV6_HEADER_BYTES;
  }

  /** Of the IP packet, without what pads a short frame. */
  get ipBytes(): number {
    const stated = this.isIpv4 ? this.word(16) : this.word(18) + IPV6_HEADER_BYTES;
    return Math.min(stated, this.length - ETHERNET_BYTES);
  }

  /**
   * Where the UDP header begins; 0 when this is no UDP packet, or a fragment that is not its first:
   * those have no ports.
   */
  get udpAt(): number {
    let at = 0;
    if (this.isIpv4) {
      if (this.bytes[23] !== PROTOCOL_UDP || (this.word(20) & 0x1fff) !== 0) return 0;
      at = ETHERNET_BYTES + ((this.bytes[ETHERNET_BYTES] ?? 0) & 0x0f) * 4;
    } else if (this.isIpv6) {
      if (this.bytes[20] !== PROTOCOL_UDP) return 0;
      at = ETHERNET_BYTES + IPV6_HEADER_BYTES;
    }
    return at > 0 && at + UDP_HEADER_BYTES <= this.length ? at : 0;
  }

  /** Bytes of the UDP payload that is in this packet; `udpAt` is not 0. */
  udpPayloadBytes(udpAt: number): number {
    const stated = this.word(udpAt + 4) - UDP_HEADER_BYTES;
    const there = ETHERNET_BYTES + this.ipBytes - udpAt - UDP_HEADER_BYTES;
    return Math.max(0, Math.min(stated, there));
  }

  /** IPv4: where the 4 bytes of an address are. */
  static readonly SOURCE_AT = ETHERNET_BYTES + 12;
  static readonly DESTINATION_AT = ETHERNET_BYTES + 16;

  /** After changes: both checksums anew. A UDP checksum of 0 (none) stays 0 over IPv4. */
  writeChecksums(udpAt: number): void {
    if (this.isIpv4) {
      this.setWord(24, 0);
      this.setWord(24, ~fold(this.#sum(ETHERNET_BYTES, udpAt)) & 0xffff);
      if (this.word(udpAt + 6) === 0) return;
    }
    const addresses = this.isIpv4 ? Packet.SOURCE_AT : ETHERNET_BYTES + 8;
    const addressesEnd = this.isIpv4 ? addresses + 8 : addresses + 32;
    const udpBytes = this.word(udpAt + 4);
    const end = Math.min(udpAt + udpBytes, this.length);
    this.setWord(udpAt + 6, 0);
    const header = this.#sum(addresses, addressesEnd) + PROTOCOL_UDP + udpBytes;
    const sum = ~fold(header + this.#sum(udpAt, end)) & 0xffff;
    this.setWord(udpAt + 6, sum === 0 ? 0xffff : sum);
  }

  /** Of the 16-bit words in [start, end), an odd last byte as the upper half of one. */
  #sum(start: number, end: number): number {
    let sum = 0;
    let at = start;
    for (; at + 1 < end; at += 2) sum += this.word(at);
    return at < end ? sum + ((this.bytes[at] ?? 0) << 8) : sum;
  }
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}
