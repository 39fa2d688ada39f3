/** A UDP socket that sends what it is given, counts what comes back, and never answers. */

/** Each of `clients` sends one of `count` in its turn. */
export async function sendInTurn(
  clients: readonly SilentClient[],
  count: number,
  make: () => Uint8Array,
): Promise<void> {
  for (let sent = 0; sent < count; sent++) {
    clients[sent % clients.length]!.send([make()]);
    if (sent % BURST === BURST - 1) await Bun.sleep(1);
  }
}

/** Datagrams between two looks at the event loop, and how many may be on their way to a server. */
const BURST = 32;

export class SilentClient {
  sentBytes = 0;
  sentDatagrams = 0;
  receivedBytes = 0;
  receivedDatagrams = 0;
  readonly received: Uint8Array[] = [];
  #socket!: Bun.udp.ConnectedSocket<"buffer">;

  /** `keep`: how many of the answers `received` holds; `from`: its own address. */
  static async open(
    port: number,
    keep = 0,
    hostname = "127.0.0.1",
    from?: string,
  ): Promise<SilentClient> {
    const client = new SilentClient();
    client.#socket = await Bun.udpSocket({
      ...(from === undefined ? {} : { hostname: from }),
      connect: { hostname, port },
      socket: {
        data: (_socket, bytes) => {
          client.receivedBytes += bytes.length;
          client.receivedDatagrams++;
          if (client.received.length < keep) client.received.push(Uint8Array.from(bytes));
        },
        error: () => {},
      },
    });
    return client;
  }

  get port(): number {
    return this.#socket.port;
  }

  send(datagrams: readonly Uint8Array[]): void {
    for (const bytes of datagrams) {
      if (!this.#socket.send(bytes)) continue;
      this.sentBytes += bytes.length;
      this.sentDatagrams++;
    }
  }

  /** So that none is lost in a socket's buffer. */
  async sendSlowly(datagrams: readonly Uint8Array[]): Promise<void> {
    for (let at = 0; at < datagrams.length; at += BURST) {
      this.send(datagrams.slice(at, at + BURST));
      await Bun.sleep(1);
    }
  }

  /** Makes each when its turn comes. */
  async sendMade(count: number, make: () => Uint8Array): Promise<void> {
    await sendInTurn([this], count, make);
  }

  /** At most 5 s. */
  async until(done: () => boolean): Promise<void> {
    const deadline = performance.now() + 5000;
    while (!done() && performance.now() < deadline) await Bun.sleep(5);
  }

  close(): void {
    this.#socket.close();
  }
}
