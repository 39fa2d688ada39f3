/** Reads one capture of a run into datagrams and their QUIC packets. */
import type { Datagram } from "./packet.ts";
import { readPdml } from "./pdml.ts";
import { readShortDatagrams, shortFormat } from "./short_datagrams.ts";
import { tshark } from "./tshark.ts";

/** Which of the datagrams that begin with a short header are looked at; all others always are. */
export type ShortDatagrams = "none" | "headers" | "payload";

const QUIC = "quic && !icmp && !icmpv6";
const LONG = "quic.header_form == 1";

/** In the order of the capture. `keyLog`: null when there is none. */
export async function readTrace(
  capture: string,
  keyLog: string | null,
  short: ShortDatagrams,
): Promise<Datagram[]> {
  const [long, rest] = await Promise.all([
    tshark({ capture, keyLog, filter: `${QUIC} && ${LONG}`, format: ["-T", "pdml"] }),
    short === "none"
      ? ""
      : tshark({
          capture,
          keyLog,
          filter: `${QUIC} && !(${LONG})`,
          format: shortFormat(short === "payload"),
        }),
  ]);
  const datagrams = [...readPdml(long), ...readShortDatagrams(rest)];
  return datagrams.sort((one, other) => one.frame - other.frame);
}
