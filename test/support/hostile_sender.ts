/** Sends hostile datagrams from several ports, as fast as the kernel's queues take them. */
import { oneOfAll } from "./hostile_datagrams.ts";
import type { Prng } from "./prng.ts";

const SOCKETS = 8;
const BURST = 50;

type Socket = Awaited<ReturnType<typeof Bun.udpSocket<"buffer">>>;

/** A server that has ended refuses datagrams: what that means is for the test to say. */
function ignore(): void {}

export class HostileSender {
  readonly #sockets: Socket[] = [];
  readonly #random: Prng;

  private constructor(random: Prng) {
    this.#random = random;
  }

  static async open(port: number, random: Prng): Promise<HostileSender> {
    const sender = new HostileSender(random);
    const connect = { hostname: "127.0.0.1", port };
    for (let i = 0; i < SOCKETS; i++) {
      sender.#sockets.push(await Bun.udpSocket({ connect, socket: { error: ignore } }));
    }
    return sender;
  }

  /** `real` are datagrams to change. */
  async send(count: number, real: readonly Uint8Array[]): Promise<void> {
    for (let sent = 0; sent < count; sent += BURST) {
      const burst = Array.from({ length: BURST }, () => oneOfAll(real, this.#random));
      this.#random.pick(this.#sockets).sendMany(burst);
      await Bun.sleep(1);
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
