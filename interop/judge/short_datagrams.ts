/**
 * Reads tshark's fields of datagrams that begin with a short header. They hold one packet each
 * (RFC 9000 §12.2), so nothing can be mixed up; and there are thousands, for which PDML is slow.
 */
import { type Datagram, emptyDatagram, emptyPacket, senderOf } from "./packet.ts";

const FIELDS = [
  "frame.number",
  "frame.time_epoch",
  "ip.src",
  "ipv6.src",
  "ip.dst",
  "ipv6.dst",
  "udp.srcport",
  "udp.dstport",
  "ip.dsfield.ecn",
  "ipv6.tclass.ecn",
  "udp.length",
  "quic.dcid",
  "quic.packet_number",
  "quic.key_phase",
  "quic.path_challenge.data",
  "quic.path_response.data",
  "quic.ack.ect0_count",
] as const;
/** Hexadecimal of everything that was transferred: only when it is asked for. */
const PAYLOAD = "quic.protected_payload";

type Field = (typeof FIELDS)[number] | typeof PAYLOAD;

export function shortFormat(withPayload: boolean): string[] {
  const fields: Field[] = withPayload ? [...FIELDS, PAYLOAD] : [...FIELDS];
  return [
    "-T",
    "fields",
    ..."-E separator=/t -E occurrence=a -E aggregator=,".split(" "),
    ...fields.flatMap((field) => ["-e", field]),
  ];
}

const first = (list: string) => list.split(",", 1)[0]!;
const hexList = (list: string) => (list === "" ? [] : list.replaceAll(":", "").split(","));

export function readShortDatagrams(text: string): Datagram[] {
  const order: readonly Field[] = [...FIELDS, PAYLOAD];
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const columns = line.split("\t");
      return toDatagram((field) => columns[order.indexOf(field)] ?? "");
    });
}

function toDatagram(get: (field: Field) => string): Datagram {
  const packet = emptyPacket("1rtt");
  const phase = get("quic.key_phase");
  packet.destinationId = get("quic.dcid").replaceAll(":", "");
  packet.number = get("quic.packet_number") === "" ? null : Number(get("quic.packet_number"));
  if (phase !== "") packet.keyPhase = phase === "1" || phase === "True" ? 1 : 0;
  packet.pathChallenges = hexList(get("quic.path_challenge.data"));
  packet.pathResponses = hexList(get("quic.path_response.data"));
  packet.hasAckEcn = get("quic.ack.ect0_count") !== "";
  packet.payloadBytes = get(PAYLOAD).replaceAll(":", "").length / 2;

  const datagram = emptyDatagram();
  datagram.frame = Number(get("frame.number"));
  datagram.time = readTime(get("frame.time_epoch"));
  datagram.source = get("ip.src") || get("ipv6.src");
  datagram.sender = senderOf(datagram.source);
  datagram.destination = get("ip.dst") || get("ipv6.dst");
  datagram.sourcePort = Number(first(get("udp.srcport")));
  datagram.destinationPort = Number(first(get("udp.dstport")));
  datagram.ecn = Number(get("ip.dsfield.ecn") || get("ipv6.tclass.ecn"));
  datagram.payloadBytes = Number(get("udp.length")) - 8;
  datagram.packets.push(packet);
  return datagram;
}

/** Seconds; tshark prints them as a number or as a date, by its version. */
function readTime(text: string): number {
  const seconds = Number(text);
  return Number.isNaN(seconds) ? Date.parse(text) / 1000 : seconds;
}
