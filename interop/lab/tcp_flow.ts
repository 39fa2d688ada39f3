/**
 *   bun interop/lab/tcp_flow.ts send      (in the namespace of 193.167.100.110)
 *   bun interop/lab/tcp_flow.ts receive   (in that of 193.167.0.90)
 *
 * One TCP connection that sends as much as it may, as iperf does, until standard input ends. The
 * sender says when it listens; the receiver, at its end, how many bytes came.
 */
import { writeSync } from "node:fs";

const SENDER = "193.167.100.110";
const PORT = 5001;
const BLOCK = new Uint8Array(128 * 1024);

interface Sent {
  /** Of BLOCK, what the kernel has taken. */
  at: number;
}

function fill(socket: Bun.Socket<Sent>): void {
  for (;;) {
    const taken = socket.write(BLOCK, socket.data.at, BLOCK.length - socket.data.at);
    if (taken <= 0) return;
    socket.data.at = (socket.data.at + taken) % BLOCK.length;
    if (socket.data.at !== 0) return;
  }
}

async function inputEnds(): Promise<void> {
  for await (const _ of Bun.stdin.stream());
}

if (process.argv[2] === "send") {
  Bun.listen<Sent>({
    hostname: SENDER,
    port: PORT,
    socket: {
      open: (socket) => {
        socket.data = { at: 0 };
        fill(socket);
      },
      drain: fill,
      data: () => undefined,
    },
  });
  writeSync(1, "listening\n");
  await inputEnds();
} else {
  let bytes = 0;
  await Bun.connect({
    hostname: SENDER,
    port: PORT,
    socket: {
      data: (_socket, data) => {
        bytes += data.length;
      },
    },
  });
  await inputEnds();
  writeSync(1, `${bytes}\n`);
}
process.exit(0);
