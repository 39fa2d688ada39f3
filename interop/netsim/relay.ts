/**
 * A UDP relay between clients and one server: each direction goes through a {@link Link}, and the
 * address that the server sees of a client can change at any time, as behind a NAT.
 *
 * It knows nothing of QUIC. It does not carry ECN marks, and it splits GSO trains: one packet in,
 * one packet out.
 */
import { DeliveryQueue } from "./delivery_queue.ts";
import { kernelDrops } from "./kernel_drops.ts";
import { Link, type LinkCounters, type LinkOptions } from "./link.ts";
import { openUdpSocket, type UdpSocket } from "./udp_socket.ts";

const SILENCE_MS = 2000;

export interface RelayOptions {
  listenHost: string;
  listenPort: number;
  serverHost: string;
  serverPort: number;
  toServer: LinkOptions;
  toClient: LinkOptions;
  seed: number;
  /**
   * Addresses of this machine that the server may see a client come from; the first is the one at
   * the start.
   */
  addresses: readonly string[];
}

export interface RelayCounters {
  seed: number;
  clients: number;
  rebindings: number;
  /** Came for a mapping that a rebinding had ended. */
  stale: number;
  /** A send that the kernel refused: not part of the simulation, should be 0. */
  sendFailed: number;
  /** Receive queue overflows of our own sockets: not part of the simulation, should be 0. */
  kernelDropped: number;
  toServer: LinkCounters;
  toClient: LinkCounters;
}

/** What a NAT keeps for one client. */
interface Client {
  address: string;
  port: number;
  upstream: UdpSocket;
}

interface Packet {
  client: Client;
  /**
   * The mapping that it came from; what goes to the server leaves by the mapping of that moment.
   */
  upstream: UdpSocket;
  bytes: Uint8Array;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #toServer: Link;
  readonly #toClient: Link;
  readonly #clients = new Map<string, Promise<Client | null>>();
  /**
   * Ended mappings: kept open and unread by anyone, so that the server meets silence and no ICMP
   * error.
   */
  readonly #ended: UdpSocket[] = [];
  readonly #upQueue = new DeliveryQueue<Packet>((packet) => this.#sendToServer(packet));
  readonly #downQueue = new DeliveryQueue<Packet>((packet) => this.#sendToClient(packet));
  #listener: UdpSocket | null = null;
  #addressIndex = 0;
  #rebindings = 0;
  #stale = 0;
  #sendFailed = 0;

  private constructor(options: RelayOptions) {
    this.#options = options;
    this.#toServer = new Link(options.toServer, options.seed);
    // Another sequence for the other direction, so that one's traffic does not change the other's
    // losses.
    this.#toClient = new Link(options.toClient, options.seed ^ 0x5bd1e995);
  }

  static async open(options: RelayOptions): Promise<Relay> {
    const relay = new Relay(options);
    relay.#listener = await openUdpSocket(options.listenHost, options.listenPort, {
      data: (_socket, bytes, port, address) => relay.#fromClient(bytes, port, address),
      failed: () => relay.#noteFailure(),
    });
    return relay;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  get counters(): RelayCounters {
    return {
      seed: this.#options.seed,
      clients: this.#clients.size,
      rebindings: this.#rebindings,
      stale: this.#stale,
      sendFailed: this.#sendFailed,
      kernelDropped: kernelDrops(process.pid),
      toServer: { ...this.#toServer.counters },
      toClient: { ...this.#toClient.counters },
    };
  }

  /**
   * Gives every client a new port, and with "address" a new address too. Old mappings end at once.
   *
   * `amidTraffic`: at a moment when a packet is on its way to the server. A client that has said
   * all, and whose answers are lost with the old mapping, stays silent: no server could find it.
   */
  async rebind(what: "port" | "address", amidTraffic = false): Promise<void> {
    if (what === "address") this.#addressIndex++;
    const moves: [Client, UdpSocket][] = [];
    for (const pending of [...this.#clients.values()]) {
      const client = await pending;
      if (client !== null) moves.push([client, await this.#openUpstream(client)]);
    }
    if (amidTraffic) await this.#traffic();
    this.#rebindings++;
    for (const [client, upstream] of moves) {
      this.#ended.push(client.upstream);
      client.upstream = upstream;
    }
  }

  /** Waits for a packet to the server, at most as long as it takes to call the client silent. */
  async #traffic(): Promise<void> {
    const untilMs = performance.now() + SILENCE_MS;
    while (this.#upQueue.length === 0 && performance.now() < untilMs) await Bun.sleep(1);
  }

  close(): void {
    this.#upQueue.clear();
    this.#downQueue.clear();
    this.#listener?.close();
    for (const socket of this.#ended) socket.close();
    for (const pending of this.#clients.values()) {
      void pending.then((client) => client?.upstream.close());
    }
  }

  #fromClient(bytes: Uint8Array, port: number, address: string): void {
    const key = `${address} ${port}`;
    let pending = this.#clients.get(key);
    if (pending === undefined) {
      pending = this.#accept(address, port);
      this.#clients.set(key, pending);
    }
    const copies = this.#toServer.offer(bytes.length, performance.now());
    const dueMs = this.#toServer.dueMs;
    // The queue holds the order; a client whose first socket is still being opened waits in the
    // promise.
    void pending.then((client) => {
      if (client === null) return;
      for (let i = 0; i < copies; i++) {
        this.#upQueue.push({ client, upstream: client.upstream, bytes }, dueMs);
      }
    });
  }

  #noteFailure(): void {
    this.#sendFailed++;
  }

  async #accept(address: string, port: number): Promise<Client | null> {
    const client = { address, port } as Client;
    try {
      client.upstream = await this.#openUpstream(client);
    } catch {
      this.#sendFailed++;
      return null;
    }
    return client;
  }

  async #openUpstream(client: Client): Promise<UdpSocket> {
    const { addresses, serverPort } = this.#options;
    const address = addresses[this.#addressIndex % addresses.length] ?? "127.0.0.1";
    return await openUdpSocket(address, 0, {
      data: (upstream, bytes, port) => {
        if (port === serverPort) this.#fromServer(client, upstream, bytes);
      },
      failed: () => this.#noteFailure(),
    });
  }

  #fromServer(client: Client, upstream: UdpSocket, bytes: Uint8Array): void {
    const copies = this.#toClient.offer(bytes.length, performance.now());
    const dueMs = this.#toClient.dueMs;
    for (let i = 0; i < copies; i++) this.#downQueue.push({ client, upstream, bytes }, dueMs);
  }

  #sendToServer(packet: Packet): void {
    const { serverHost, serverPort } = this.#options;
    packet.client.upstream.send(packet.bytes, serverPort, serverHost);
  }

  /** Sent to a mapping that has ended: nobody is there. */
  #sendToClient(packet: Packet): void {
    const { client, upstream, bytes } = packet;
    if (upstream !== client.upstream) {
      this.#stale++;
      return;
    }
    this.#listener?.send(bytes, client.port, client.address);
  }
}
