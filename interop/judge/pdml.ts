/**
 * Reads tshark's PDML: one line for each field, and each QUIC packet of a datagram as a `proto` of
 * its own. It is the only one of its formats that keeps coalesced packets apart.
 */
import {
  type Datagram,
  emptyDatagram,
  emptyPacket,
  type Packet,
  type PacketType,
  senderOf,
} from "./packet.ts";

const LONG_TYPES: readonly PacketType[] = ["initial", "0rtt", "handshake", "retry"];
/** Another order in version 2 (RFC 9369 §3.2). */
const LONG_TYPES_V2: readonly PacketType[] = ["retry", "initial", "0rtt", "handshake"];

const hex = (bytes: string) => bytes.replaceAll(":", "");

type SetDatagram = (datagram: Datagram, show: string) => void;
type SetPacket = (packet: Packet, show: string, size: number) => void;

const setSource: SetDatagram = (datagram, show) => {
  datagram.source = show;
  datagram.sender = senderOf(show);
};
const setDestination: SetDatagram = (datagram, show) => {
  datagram.destination = show;
};
const setEcn: SetDatagram = (datagram, show) => {
  datagram.ecn = Number(show);
};

const datagramFields: Record<string, SetDatagram> = {
  num: (datagram, show) => {
    datagram.frame = Number(show);
  },
  "ip.src": setSource,
  "ipv6.src": setSource,
  "ip.dst": setDestination,
  "ipv6.dst": setDestination,
  "ip.dsfield.ecn": setEcn,
  "ipv6.tclass.ecn": setEcn,
  "udp.srcport": (datagram, show) => {
    datagram.sourcePort = Number(show);
  },
  "udp.dstport": (datagram, show) => {
    datagram.destinationPort = Number(show);
  },
  "udp.length": (datagram, show) => {
    datagram.payloadBytes = Number(show) - 8;
  },
};

const setPayload: SetPacket = (packet, _, size) => {
  packet.payloadBytes = size;
};
const setToken: SetPacket = (packet, show) => {
  packet.token = hex(show);
};
const setRepeats: SetPacket = (packet) => {
  packet.repeats = true;
};

const packetFields: Record<string, SetPacket> = {
  "quic.header_form": (packet, show) => {
    if (show === "0") packet.type = "1rtt";
  },
  "quic.version": (packet, show) => {
    packet.version = Number(show);
    if (packet.version === 0) packet.type = "version_negotiation";
  },
  "quic.long.packet_type": (packet, show) => {
    packet.type = LONG_TYPES[Number(show)]!;
  },
  "quic.long.packet_type_v2": (packet, show) => {
    packet.type = LONG_TYPES_V2[Number(show)]!;
  },
  "quic.dcid": (packet, show) => {
    packet.destinationId = hex(show);
  },
  "quic.scid": (packet, show) => {
    packet.sourceId = hex(show);
  },
  "quic.packet_number": (packet, show) => {
    packet.number = Number(show);
  },
  "quic.key_phase": (packet, show) => {
    packet.keyPhase = show === "1" || show === "True" ? 1 : 0;
  },
  "quic.token": setToken,
  "quic.retry_token": setToken,
  "quic.payload": setPayload,
  "quic.protected_payload": setPayload,
  "quic.remaining_payload": (packet, _, size) => {
    // As the runner counts: of a short header only what could be decrypted.
    if (packet.type !== "1rtt") packet.payloadBytes = size;
  },
  "quic.retransmission": setRepeats,
  "quic.overlap": setRepeats,
  "quic.ack.ect0_count": (packet) => {
    packet.hasAckEcn = true;
  },
  "quic.path_challenge.data": (packet, show) => {
    packet.pathChallenges.push(hex(show));
  },
  "quic.path_response.data": (packet, show) => {
    packet.pathResponses.push(hex(show));
  },
  "tls.handshake.type": (packet, show) => {
    packet.tlsMessages.push(Number(show));
  },
  "tls.handshake.ciphersuite": (packet, show) => {
    packet.cipherSuites.push(Number(show));
  },
  "tls.handshake.certificates_length": (packet) => {
    packet.hasCertificates = true;
  },
  "tls.quic.parameter.initial_max_streams_bidi": (packet, show) => {
    packet.streamLimits.push(Number(show));
  },
};

const LINE = /^ *<(packet>|proto name="quic"|field name="([\w.]+)")/;
const SIZE = / size="(\d+)"/;
const SHOW = / show="([^"]*)"/;

/** Datagrams in which tshark found no QUIC are left out. */
export function readPdml(text: string): Datagram[] {
  const datagrams: Datagram[] = [];
  let datagram = emptyDatagram();
  let packet: Packet | null = null;
  /** Of a CRYPTO frame, until the field after it says its length. */
  let cryptoOffset = 0;
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (match === null) continue;
    if (match[1] === "packet>") {
      datagram = emptyDatagram();
      packet = null;
    } else if (match[2] === undefined) {
      packet = emptyPacket("unknown");
      if (datagram.packets.push(packet) === 1) datagrams.push(datagram);
    } else if (packet === null) {
      if (match[2] === "timestamp") datagram.time = Number(/ value="([^"]*)"/.exec(line)?.[1]);
      else datagramFields[match[2]]?.(datagram, SHOW.exec(line)?.[1] ?? "");
    } else {
      const show = SHOW.exec(line)?.[1] ?? "";
      if (match[2] === "quic.crypto.offset") cryptoOffset = Number(show);
      else if (match[2] === "quic.crypto.length") {
        packet.cryptoEnd = Math.max(packet.cryptoEnd, cryptoOffset + Number(show));
      } else packetFields[match[2]]?.(packet, show, Number(SIZE.exec(line)?.[1] ?? 0));
    }
  }
  return datagrams;
}
