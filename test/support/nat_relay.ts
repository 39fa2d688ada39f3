/**
 * A NAT on loopback for one server: each port that clients speak from has one of its own towards
 * the server, and gets another when it is told to. It counts the packets that pass by what they
 * are.
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
  readonly #serverPort: number;
  readonly #delayMs: number;
  /** By the client's port. */
  #mappings = new Map<number, Promise<Socket>>();
  readonly #sockets: Socket[] = [];
  #listener: Socket | null = null;
  #closed = false;

  private constructor(serverPort: number, delayMs: number) {
    this.#serverPort = serverPort;
    this.#delayMs = delayMs;
  }

  /** @param delayMs of each datagram, each way */
  static async start(serverPort: number, delayMs = 0): Promise<NatRelay> {
    const relay = new NatRelay(serverPort, delayMs);
    relay.#listener = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: {
        data: (_socket, bytes, port) => relay.#fromClient(bytes, port),
        error() {},
      },
    });
    relay.#sockets.push(relay.#listener);
    return relay;
  }

  get port(): number {
    return this.#listener!.port;
  }

  /** Ports that clients came from since the start or the last rebinding. */
  get clientPorts(): number {
    return this.#mappings.size;
  }

  /** What comes for the old ports from here on is lost. */
  rebind(): void {
    // Their sockets stay open: a closed port would answer by ICMP.
    this.#mappings = new Map();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const socket of this.#sockets) socket.close();
  }

  async #open(clientPort: number): Promise<Socket> {
    const relay = this;
    const mappings = this.#mappings;
    const socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: {
        data(_socket, bytes) {
          if (mappings !== relay.#mappings) return;
          count(relay.toClient, bytes);
          relay.#later(bytes, (copy) => relay.#listener!.send(copy, clientPort, "127.0.0.1"));
        },
        error() {},
      },
    });
    this.#sockets.push(socket);
    if (this.#closed) socket.close();
    return socket;
  }

  #fromClient(bytes: Uint8Array, port: number): void {
    count(this.toServer, bytes);
    const copy = bytes.slice();
    const upstream = this.#mappings.get(port) ?? this.#open(port);
    this.#mappings.set(port, upstream);
    void upstream.then((socket) => {
      this.#later(copy, (late) => socket.send(late, this.#serverPort, "127.0.0.1"));
    });
  }

  #later(bytes: Uint8Array, send: (bytes: Uint8Array) => void): void {
    if (this.#delayMs === 0) {
      if (!this.#closed) send(bytes);
      return;
    }
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
