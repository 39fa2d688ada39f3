/**
 * A UDP socket with a large receive buffer: a relay that waits for its turn on a busy machine must
 * not lose what the link it plays would have kept. node:dgram, because Bun.udpSocket can't ask for
 * a buffer size.
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

/** Asked for; the kernel grants up to net.core.rmem_max. */
const BUFFER_BYTES = 4 << 20;

export interface UdpSocket {
  readonly port: number;
  send(bytes: Uint8Array, port: number, address: string): void;
  close(): void;
}

export interface UdpHandlers {
  data(socket: UdpSocket, bytes: Uint8Array, port: number, address: string): void;
  /** A send that the kernel refused. */
  failed(error: Error): void;
}

export async function openUdpSocket(
  address: string,
  port: number,
  handlers: UdpHandlers,
): Promise<UdpSocket> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const bound = Promise.withResolvers<void>();
  socket.once("error", bound.reject);
  socket.bind(port, address, bound.resolve);
  await bound.promise;
  socket.setRecvBufferSize(BUFFER_BYTES);
  socket.setSendBufferSize(BUFFER_BYTES);
  const note = (error: NodeJS.ErrnoException | null | undefined) => {
    // An ICMP answer to what was sent to an end that has closed meanwhile: networks have those.
    if (error && error.code !== "ECONNREFUSED") handlers.failed(error);
  };
  const wrapped: UdpSocket = {
    port: socket.address().port,
    send: (bytes, toPort, toAddress) => socket.send(bytes, toPort, toAddress, note),
    close: () => socket.close(),
  };
  socket.on("error", note);
  socket.on("message", (bytes, from) => handlers.data(wrapped, bytes, from.port, from.address));
  return wrapped;
}
