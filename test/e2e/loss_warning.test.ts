/** A server whose socket buffer is too small says so, with the number lost and what to do. */
import { expect, test } from "bun:test";
import { ServerProcess } from "../support/server_process.ts";

const SMALLEST_BUFFER = 65_536;
const LIMIT_MS = 30_000;

test("losses for want of a larger socket buffer are told", async () => {
  const server = await ServerProcess.start({
    target: "public",
    workers: 1,
    env: { QUICD_NETIO_SOCKET_BUFFER_BYTES: String(SMALLEST_BUFFER) },
  });
  const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.1", port: server.port } });
  try {
    /* Of no connection: short headers, whose ID is nobody's. */
    const burst = Array.from({ length: 256 }, () => new Uint8Array(1200).fill(0x40));
    const deadline = performance.now() + LIMIT_MS;
    while (!server.log.includes("datagrams were lost") && performance.now() < deadline) {
      for (let i = 0; i < 20; i++) socket.sendMany(burst);
      await Bun.sleep(100);
    }
    expect(server.log).toMatch(
      /quicd: [1-9]\d* datagrams were lost since the socket buffers \(65536 bytes\) were full/,
    );
    expect(server.log).toContain("net.core.rmem_max=131072");
  } finally {
    socket.close();
    await server.stop();
  }
}, 60_000);
