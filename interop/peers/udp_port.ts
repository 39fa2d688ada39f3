/** UDP ports of this machine, or of the network namespace that this runs in. */
import { readFileSync } from "node:fs";

/** One that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const socket = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0 });
  const { port } = socket;
  socket.close();
  return port;
}

/** Whether a socket has the port: a QUIC server says nothing to show that it listens. */
export function portTaken(port: number): boolean {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["udp", "udp6"].some((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .split("\n")
      .some((line) => line.trimStart().split(/\s+/)[1]?.endsWith(hex)),
  );
}
