/** A relay on loopback that keeps what clients sent: real datagrams for tests to change. */

type Socket = Bun.udp.Socket<"buffer">;

import { ByteCursor } from "../../src/wire/cursor.ts";

/** Kinds of packets that a client sends (RFC 9000 §17), without 0-RTT. */
export type PacketKind = "initial" | "handshake" | "short";

const RECORDS_MAX = 200;

export class RecordingRelay {
  readonly records: { kinds: PacketKind[]; bytes: Uint8Array }[] = [];
  readonly #listener: Socket;
  readonly #upstream: Socket;

  private constructor(listener: Socket, upstream: Socket) {
    this.#listener = listener;
    this.#upstream = upstream;
  }

  /** For one client at a time: answers go to whoever spoke last. */
  static async start(serverPort: number): Promise<RecordingRelay> {
    let client = { port: 0, address: "" };
    const upstream: Socket = await Bun.udpSocket({
      socket: {
        data: (_socket, bytes) => void listener.send(bytes, client.port, client.address),
        error: ignore,
      },
    });
    const listener: Socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: {
        data: (_socket, bytes, port, address) => {
          client = { port, address };
          relay.#keep(bytes);
          upstream.send(bytes, serverPort, "127.0.0.1");
        },
        error: ignore,
      },
    });
    const relay = new RecordingRelay(listener, upstream);
    return relay;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Datagrams with such a packet in them. */
  of(kind: PacketKind): Uint8Array[] {
    return this.records.filter(({ kinds }) => kinds.includes(kind)).map(({ bytes }) => bytes);
  }

  close(): void {
    this.#listener.close();
    this.#upstream.close();
  }

  #keep(bytes: Uint8Array): void {
    if (this.records.length >= RECORDS_MAX || bytes.length === 0) return;
    this.records.push({ kinds: kindsOf(bytes), bytes: Uint8Array.from(bytes) });
  }
}

/** A side that is gone refuses datagrams: what that means is for the test to say. */
function ignore(): void {}

/** Of the packets that share a datagram (RFC 9000 §12.2); padding after the last counts as none. */
function kindsOf(datagram: Uint8Array): PacketKind[] {
  const kinds: PacketKind[] = [];
  const cursor = new ByteCursor(datagram);
  while (cursor.remaining > 0) {
    const first = datagram[cursor.offset]!;
    if ((first & 0x80) === 0) {
      if ((first & 0x40) !== 0) kinds.push("short");
      break;
    }
    const initial = (first & 0x30) === 0;
    kinds.push(initial ? "initial" : "handshake");
    cursor.offset += 5;
    for (let id = 0; id < 2; id++) cursor.offset += 1 + datagram[cursor.offset]!;
    if (initial) skip(cursor); // the token
    skip(cursor); // the rest of the packet
  }
  return kinds;
}

/** A length and that many bytes. */
function skip(cursor: ByteCursor): void {
  const length = cursor.tryReadVarint();
  if (length < 0) throw new Error("a client's own packet ends within its header");
  cursor.offset += length;
}
