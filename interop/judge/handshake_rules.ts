/** Rules about Initial, Retry, Handshake and 0-RTT packets. */
import { type Evidence, hexNumbers, packetsOf, type Rule } from "./evidence.ts";
import { type PacketType, VERSION_1, VERSION_2 } from "./packet.ts";

const CLIENT_HELLO = 1;
const TLS_CHACHA20_POLY1305_SHA256 = 0x1303;

/**
 * Connections are told apart by the source connection IDs of the server's Initial packets, which a
 * server does not change within a connection.
 */
export const handshakes =
  (expected: number): Rule =>
  ({ right }) => {
    const initials = packetsOf(right, "server", "initial");
    const ids = new Set(initials.map(({ packet }) => packet.sourceId));
    if (ids.size === expected) return [];
    const last = initials.findLast(({ packet }) => packet.sourceId === [...ids].at(-1));
    const where = last ? `, the last in packet ${last.datagram.frame} of the server's side` : "";
    return [
      `${ids.size} handshakes, expected ${expected}: the server's Initial packets have ` +
        `${ids.size} different source connection IDs${where}.`,
    ];
  };

export const onlyVersion1: Rule = ({ right }) => {
  const versions = versionsOf(right, "server", "initial");
  if (versions.size === 1 && versions.has(VERSION_1)) return [];
  return [`The server's Initial packets have the versions ${hexNumbers(versions)}, expected 0x1.`];
};

export const noRetry: Rule = ({ left }) =>
  left
    .filter((datagram) => datagram.packets.some((packet) => packet.type === "retry"))
    .slice(0, 1)
    .map(({ frame }) => `Packet ${frame} of the client's side is a Retry, expected none.`);

/** The first was lost in time: what repeats it counts, whole or in part. */
export const repeatedClientHello: Rule = ({ left }) => {
  const hellos = packetsOf(left, "client", "initial").filter(({ packet }) =>
    packet.tlsMessages.length > 0 ? packet.tlsMessages[0] === CLIENT_HELLO : packet.repeats,
  );
  if (hellos.length >= 2) return [];
  return [`The client sent ${hellos.length} Initial packets with a ClientHello, expected 2.`];
};

export const onlyChaCha20: Rule = ({ left }) => {
  const hellos = packetsOf(left, "client", "initial").filter(
    ({ packet }) => packet.cipherSuites.length > 0,
  );
  const suites = new Set(hellos.flatMap(({ packet }) => packet.cipherSuites));
  if (suites.size === 1 && suites.has(TLS_CHACHA20_POLY1305_SHA256)) return [];
  const where = hellos.map(({ datagram }) => datagram.frame).join(", ");
  return [
    `The client offers the cipher suites ${hexNumbers(suites)} in packets ${where || "(none)"}, ` +
      "expected 0x1303 and no other.",
  ];
};

/** RFC 9000 §17.2.5.3: the same packet number space goes on, with the token. */
export const retryTokenReturns: Rule = ({ left }) => {
  const retries = packetsOf(left, "server", "retry");
  const empty = retries.find(({ packet }) => packet.token === "");
  if (empty) return [`The Retry in packet ${empty.datagram.frame} has no token.`];
  if (retries.length === 0) return ["The server sent no Retry."];
  const tokens = new Set(retries.map(({ packet }) => packet.token));
  let highest = -1;
  for (const { packet, datagram } of packetsOf(left, "client", "initial")) {
    if (packet.number === null) continue;
    if (packet.token === "") {
      highest = Math.max(highest, packet.number);
      continue;
    }
    if (packet.number <= highest) {
      return [
        `Packet ${datagram.frame} of the client's side, an Initial with a token, has packet ` +
          `number ${packet.number}, expected more than ${highest}, which it used before.`,
      ];
    }
    if (tokens.has(packet.token)) return [];
  }
  return ["None of the client's Initial packets has the token of a Retry."];
};

export const streamLimit =
  (most: number): Rule =>
  ({ left }) => {
    const found = packetsOf(left, "server", "handshake").filter(
      ({ packet }) => packet.streamLimits.length > 0,
    );
    if (found.length === 0) {
      return ["No initial_max_streams_bidi in the server's Handshake packets (wrong keys?)."];
    }
    return found
      .filter(({ packet }) => Math.max(...packet.streamLimits) > most)
      .map(
        ({ packet, datagram }) =>
          `initial_max_streams_bidi of the server is ${Math.max(...packet.streamLimits)} in ` +
          `packet ${datagram.frame}, expected at most ${most}.`,
      );
  };

/** A resumed handshake has no Certificate (RFC 8446 §2.2). */
export const resumed: Rule = ({ left }) => {
  const found = packetsOf(left, "server", "handshake");
  const firstId = found[0]?.packet.sourceId;
  const lastId = found.at(-1)?.packet.sourceId;
  const reasons: string[] = [];
  for (const { packet, datagram } of found) {
    if (packet.sourceId === firstId) continue;
    if (packet.sourceId !== lastId) {
      reasons.push(
        `The Handshake packet in packet ${datagram.frame} belongs to neither of the two ` +
          `connections: its source connection ID is ${packet.sourceId}.`,
      );
    } else if (packet.hasCertificates) {
      reasons.push(
        `Packet ${datagram.frame} has a Certificate on the second connection: not resumed.`,
      );
    }
  }
  const first = found.filter(({ packet }) => packet.sourceId === firstId);
  if (!first.some(({ packet }) => packet.hasCertificates)) {
    reasons.push("There is no Certificate on the first connection (wrong keys?).");
  }
  return reasons;
};

/** Payload bytes of the client: some in 0-RTT packets, at most `most` in 1-RTT packets. */
export const earlyData =
  (most: number): Rule =>
  ({ left }) => {
    const bytes = (type: PacketType) =>
      packetsOf(left, "client", type).reduce((sum, { packet }) => sum + packet.payloadBytes, 0);
    const reasons: string[] = [];
    if (bytes("0rtt") === 0) reasons.push("The client sent nothing in 0-RTT packets.");
    if (bytes("1rtt") > most) {
      reasons.push(
        `The client sent ${bytes("1rtt")} bytes in 1-RTT packets, expected at most ${most} ` +
          `(and ${bytes("0rtt")} in 0-RTT packets).`,
      );
    }
    return reasons;
  };

/** Compatible version negotiation from 1 to 2 (RFC 9368 §2.3). */
export const negotiatedVersion2: Rule = ({ left, right }) => {
  const reasons: string[] = [];
  const first = versionsOf(left, "client", "initial");
  if (!first.has(VERSION_1)) {
    reasons.push(`The client's Initial packets have the versions ${hexNumbers(first)}, not 0x1.`);
  }
  const second = versionsOf(right, "server", "initial");
  if (!second.has(VERSION_2)) {
    reasons.push(
      `The server's Initial packets have the versions ${hexNumbers(second)}, not 0x6b3343cf.`,
    );
  }
  for (const [sender, side] of [["client", left] as const, ["server", right] as const]) {
    const versions = versionsOf(side, sender, "handshake");
    if (versions.size === 1 && versions.has(VERSION_2)) continue;
    reasons.push(
      `The ${sender}'s Handshake packets have the versions ${hexNumbers(versions)}, ` +
        "expected 0x6b3343cf.",
    );
  }
  return reasons;
};

function versionsOf(side: Evidence["left"], sender: "client" | "server", type: PacketType) {
  return new Set(packetsOf(side, sender, type).map(({ packet }) => packet.version));
}
