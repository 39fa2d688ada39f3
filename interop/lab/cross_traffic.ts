/** A TCP flow through a lab's bottleneck, to the client's side: its two ends as processes. */
import { join } from "node:path";
import { readLine } from "../netsim/read_line.ts";
import type { CrossTraffic } from "./lab.ts";

const FLOW = join(import.meta.dir, "tcp_flow.ts");

/**
 * The sender's congestion control comes with its route: as a setting of the namespace the kernel
 * takes only those that it gives to everybody.
 */
const SEND =
  'ip route replace default via 193.167.100.2 dev eth0 congctl "$1" && shift && exec "$@"';

/** `receiver`, `sender`: a process in the namespace of each end. */
export async function startCrossTraffic(
  receiver: number,
  sender: number,
  congestion: string,
): Promise<CrossTraffic> {
  const spawn = (holder: number, command: readonly string[]) =>
    Bun.spawn(["nsenter", `--net=/proc/${holder}/ns/net`, ...command], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
  const program = [process.execPath, FLOW];
  const sending = spawn(sender, ["sh", "-c", SEND, "sh", congestion, ...program, "send"]);
  if ((await readLine(sending.stdout)) === null) {
    throw new Error(
      `no TCP flow with congestion control "${congestion}": does the kernel have it?`,
    );
  }
  const receiving = spawn(receiver, [...program, "receive"]);
  const end = async (): Promise<number> => {
    receiving.stdin.end();
    const bytes = Number(await readLine(receiving.stdout));
    sending.stdin.end();
    await Promise.all([receiving.exited, sending.exited]);
    return bytes;
  };
  let ending: Promise<number> | null = null;
  return {
    stop: () => {
      ending ??= end();
      return ending;
    },
  };
}
