/**
 * A NAT on loopback for one server: counts the packets that pass by what their first byte says, and
 * gives its client another port towards the server when it is told to.
 */
import { ByteCursor } from "../../src/wire/cursor.ts";

type Socket = Bun.udp.Socket<"buffer">;

/** RFC 9000 §17; what a datagram begins with, and what follows in it. */
export type PacketKind = "initial" | "zerortt" | "handshake" | "retry" | "short";
const LONG_KINDS = ["initial", "zerortt", "handshake", "retry"] as const;

export type PacketCounts = Record<PacketKind, number>;

function noPackets(): PacketCounts {
  return { initial: 0, zerortt: 0, handshake: 0, retry: 0, short: 0 };
}

export class NatRelay {
  readonly toServer = noPackets();
  readonly toClient = noPackets();
  /** Ports that clients came from. */
  readonly clientPorts = new Set<number>();
  readonly #serverPort: number;
  readonly #delayMs: number;
  readonly #listener: Socket;
  #upstream: Socket;
  readonly #ended: Socket[] = [];
  #client = { port: 0, address: "" };
  #closed = false;

  private constructor(serverPort: number, delayMs: number, listener: Socket, upstream: Socket) {
    this.#serverPort = serverPort;
    this.#delayMs = delayMs;
    this.#listener = listener;
    this.#upstream = upstream;
  }

  /**
   * For one client at a time: answers go to where it spoke from last.
   * @param delayMs of each datagram, each way
   */
  static async start(serverPort: number, delayMs = 0): Promise<NatRelay> {
    const hear = { fromClient: (..._packet: [Uint8Array, number, string]) => {} };
    const listener = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: {
        data: (_socket, bytes, port, address) => hear.fromClient(bytes, port, address),
        error() {},
      },
    });
    const relay = new NatRelay(serverPort, delayMs, listener, listener);
    relay.#upstream = await relay.#open();
    hear.fromClient = (bytes, port, address) => relay.#fromClient(bytes, port, address);
    return relay;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** What comes for the old port from here on is lost. */
  async rebind(): Promise<void> {
    const fresh = await this.#open();
    // Kept open: a closed port would answer by ICMP.
    this.#ended.push(this.#upstream);
    this.#upstream = fresh;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const socket of [this.#listener, this.#upstream, ...this.#ended]) socket.close();
  }

  #open(): Promise<Socket> {
    const relay = this;
    return Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: {
        data(socket, bytes) {
          if (socket !== relay.#upstream) return;
          count(relay.toClient, bytes);
          relay.#later(bytes, (copy) => {
            relay.#listener.send(copy, relay.#client.port, relay.#client.address);
          });
        },
        error() {},
      },
    });
  }

  #fromClient(bytes: Uint8Array, port: number, address: string): void {
    this.#client = { port, address };
    this.clientPorts.add(port);
    count(this.toServer, bytes);
    const upstream = this.#upstream;
    this.#later(bytes, (copy) => upstream.send(copy, this.#serverPort, "127.0.0.1"));
  }

  #later(bytes: Uint8Array, send: (bytes: Uint8Array) => void): void {
    if (this.#delayMs === 0) return send(bytes);
    const copy = bytes.slice();
    setTimeout(() => {
      if (!this.#closed) send(copy);
    }, this.#delayMs);
  }
}

/** All packets that share the datagram (RFC 9000 §12.2). */
function count(counts: PacketCounts, datagram: Uint8Array): void {
  const cursor = new ByteCursor(datagram);
  while (cursor.remaining > 0) {
    const first = datagram[cursor.offset]!;
    if ((first & 0x80) === 0) {
      if ((first & 0x40) !== 0) counts.short++;
      return;
    }
    const kind = LONG_KINDS[(first >> 4) & 3]!;
    counts[kind]++;
    if (kind === "retry") return;
    cursor.offset += 5;
    for (let id = 0; id < 2; id++) cursor.offset += 1 + (datagram[cursor.offset] ?? 0);
    if (kind === "initial") skip(cursor); // the token
    skip(cursor); // the rest of the packet
  }
}

/** A length and that many bytes. */
function skip(cursor: ByteCursor): void {
  const length = cursor.tryReadVarint();
  cursor.offset = length < 0 ? cursor.end : cursor.offset + length;
}
