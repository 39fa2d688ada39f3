/** One direction: from a device through the bottleneck and the error model to the other device. */
import type { Bottleneck } from "./bottleneck.ts";
import type { ErrorModel } from "./error_models.ts";
import type { PacketSocket } from "./libc.ts";
import { ETHERNET_BYTES, FRAME_BYTES_MAX, Packet } from "./packet.ts";
import type { Capture } from "./pcap.ts";

export interface LinkCounters {
  received: number;
  forwarded: number;
  /** By the queue. */
  overflowed: number;
  /** By the error model. */
  lost: number;
  damaged: number;
  /** Not part of the simulation, should be 0: trains that an offload made, sends that failed. */
  tooLarge: number;
  failed: number;
  /** How late the latest packet came out, microseconds. */
  latestUs: number;
}

const POOL_CHUNK = 64;

/** Packets for reuse: nothing is allocated once as many are there as are on their way at a time. */
export class PacketPool {
  #free: Packet | null = null;

  constructor(readonly allocate: (size: number) => { bytes: Uint8Array; address: number }) {}

  take(): Packet {
    if (this.#free === null) this.#grow();
    const packet = this.#free as unknown as Packet;
    this.#free = packet.next;
    packet.next = null;
    return packet;
  }

  give(packet: Packet): void {
    packet.next = this.#free;
    this.#free = packet;
  }

  #grow(): void {
    const { bytes, address } = this.allocate(POOL_CHUNK * FRAME_BYTES_MAX);
    for (let at = 0; at < bytes.length; at += FRAME_BYTES_MAX) {
      this.give(new Packet(bytes.subarray(at, at + FRAME_BYTES_MAX), address + at));
    }
  }
}

export class Link {
  readonly counters: LinkCounters = {
    received: 0,
    forwarded: 0,
    overflowed: 0,
    lost: 0,
    damaged: 0,
    tooLarge: 0,
    failed: 0,
    latestUs: 0,
  };
  /** UDP packets that came to the far end, for the log. */
  #number = 0;
  #first: Packet | null = null;
  #last: Packet | null = null;

  constructor(
    /** "to server" */
    readonly name: string,
    readonly bottleneck: Bottleneck,
    readonly model: ErrorModel,
    readonly to: { socket: PacketSocket; capture: Capture },
    readonly pool: PacketPool,
    readonly log: (timeNs: number, text: string) => void,
    /** Writes the hardware addresses of the next hop; false when there is none. */
    readonly address: (packet: Packet) => boolean,
  ) {}

  /** When the next packet comes out; Infinity when none is on its way. */
  get nextNs(): number {
    return this.#first === null ? Number.POSITIVE_INFINITY : this.#first.dueNs;
  }

  /** Takes the packet, for good. */
  enter(packet: Packet, nowNs: number): void {
    this.counters.received++;
    if (!this.bottleneck.offer(packet.ipBytes, nowNs)) {
      this.counters.overflowed++;
      this.pool.give(packet);
      return;
    }
    packet.dueNs = this.bottleneck.dueNs;
    if (this.#last === null) this.#first = packet;
    else this.#last.next = packet;
    this.#last = packet;
  }

  /** The first packet comes out. `startNs`: the scenario's time 0. */
  leave(nowNs: number, startNs: number, baseSeconds: number): void {
    const packet = this.#first;
    if (packet === null) return;
    this.#first = packet.next;
    if (this.#first === null) this.#last = null;
    this.counters.latestUs = Math.max(this.counters.latestUs, (nowNs - packet.dueNs) / 1000);
    if (this.#survives(packet, packet.dueNs - startNs) && this.address(packet)) {
      this.counters.forwarded++;
      this.to.capture.write(packet.bytes, packet.length, baseSeconds, nowNs);
      if (!this.to.socket.send(packet.address, packet.length)) this.counters.failed++;
    }
    this.pool.give(packet);
  }

  #survives(packet: Packet, timeNs: number): boolean {
    const udpAt = packet.udpAt;
    if (udpAt === 0) return true;
    this.#number++;
    const fate = this.model.meet(packet, udpAt, timeNs);
    if (fate === "passes") return true;
    this.counters[fate]++;
    const size = packet.udpPayloadBytes(udpAt);
    this.log(timeNs, `${this.name}: UDP packet ${this.#number} ${fate} (${size} bytes)`);
    return fate === "damaged";
  }
}

/** Shorter frames than this have no IP header. */
export const FRAME_BYTES_MIN = ETHERNET_BYTES + 20;
