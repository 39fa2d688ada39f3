/**
 * A NAT in front of the client that forgets: from time to time every port that the client sends
 * from gets another one, and with `address` the client's address another one too. IPv4 only, as in
 * the runner's simulator.
 *
 * What the server still sends to an ended port is lost. An ended address with a port that is valid
 * passes: only ports are looked up.
 */
import type { Fate } from "./error_models.ts";
import { Packet } from "./packet.ts";

export interface RebindingOptions {
  firstNs: number;
  /** 0: once. */
  everyNs: number;
  address: boolean;
}

/** 193.167.0.x, of which the client is .100. */
const CLIENT_HOST = 100;
/** Others that live there: the simulator, and cross traffic's client. */
const TAKEN_HOSTS = [CLIENT_HOST, 2, 90];
const NETWORK = [193, 167, 0] as const;

export class Rebinding {
  /** The client's port to the one that the server sees, and back. */
  readonly #outer = new Map<number, number>();
  readonly #inner = new Map<number, number>();
  #host = CLIENT_HOST;
  #nextNs: number;
  readonly #options: RebindingOptions;
  readonly #random: () => number;
  readonly #log: (timeNs: number, text: string) => void;

  constructor(
    options: RebindingOptions,
    random: () => number,
    log: (timeNs: number, text: string) => void,
  ) {
    this.#options = options;
    this.#random = random;
    this.#log = log;
    this.#nextNs = options.firstNs;
  }

  toServer(packet: Packet, udpAt: number, timeNs: number): Fate {
    this.#advance(timeNs);
    if (!packet.isIpv4 || !hasHost(packet, Packet.SOURCE_AT, CLIENT_HOST)) return "passes";
    const inner = packet.word(udpAt);
    let outer = this.#outer.get(inner);
    if (outer === undefined) {
      // Its own number, unless a rebinding gave that to another port.
      outer = this.#inner.has(inner) ? this.#freePort() : inner;
      this.#bind(inner, outer);
    }
    packet.bytes[Packet.SOURCE_AT + 3] = this.#host;
    packet.setWord(udpAt, outer);
    packet.writeChecksums(udpAt);
    return "passes";
  }

  toClient(packet: Packet, udpAt: number, timeNs: number): Fate {
    this.#advance(timeNs);
    if (!packet.isIpv4) return "passes";
    if (TAKEN_HOSTS.some((host) => host !== CLIENT_HOST && isHost(packet, host))) return "passes";
    const inner = this.#inner.get(packet.word(udpAt + 2));
    if (inner === undefined) return "lost";
    packet.bytes[Packet.DESTINATION_AT + 3] = CLIENT_HOST;
    packet.setWord(udpAt + 2, inner);
    packet.writeChecksums(udpAt);
    return "passes";
  }

  #advance(timeNs: number): void {
    while (this.#nextNs <= timeNs) {
      this.#rebind();
      this.#nextNs += this.#options.everyNs || Number.POSITIVE_INFINITY;
    }
  }

  #rebind(): void {
    if (this.#options.address) {
      const old = this.#host;
      while (this.#host === old || TAKEN_HOSTS.includes(this.#host)) {
        this.#host = 1 + Math.floor(this.#random() * 254);
      }
      this.#log(this.#nextNs, `rebind: client's address 193.167.0.${old} -> .${this.#host}`);
    }
    for (const [inner, old] of [...this.#outer]) {
      // Ended before the new one is drawn would let it be drawn again.
      const port = this.#freePort();
      this.#inner.delete(old);
      this.#bind(inner, port);
      this.#log(this.#nextNs, `rebind: client's port ${inner}: ${old} -> ${port}`);
    }
  }

  #bind(inner: number, outer: number): void {
    this.#outer.set(inner, outer);
    this.#inner.set(outer, inner);
  }

  #freePort(): number {
    for (;;) {
      const port = 1 + Math.floor(this.#random() * 65535);
      if (!this.#inner.has(port) && !this.#outer.has(port)) return port;
    }
  }
}

function isHost(packet: Packet, host: number): boolean {
  return hasHost(packet, Packet.DESTINATION_AT, host);
}

function hasHost(packet: Packet, at: number, host: number): boolean {
  return packet.bytes[at + 3] === host && NETWORK.every((byte, i) => packet.bytes[at + i] === byte);
}
