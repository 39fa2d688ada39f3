/** Rules about paths: addresses and ports, ECN marks, key phases, and the time in between. */
import { packetsOf, type Rule, sentBy } from "./evidence.ts";
import type { Datagram } from "./packet.ts";

const CE = 3;

/** Both ends, as a word to compare and to print. */
const pathOf = (datagram: Datagram) =>
  `${datagram.source} ${datagram.sourcePort} -> ` +
  `${datagram.destination} ${datagram.destinationPort}`;

/** The first datagram on each path but the first one. */
function firstOnNewPaths(datagrams: readonly Datagram[]): Datagram[] {
  const seen = new Set<string>();
  return datagrams.filter((datagram) => {
    const path = pathOf(datagram);
    const isNew = seen.size > 0 && !seen.has(path);
    seen.add(path);
    return isNew;
  });
}

/**
 * The server's first datagram on each new path has a PATH_CHALLENGE, and the client answers it. As
 * the runner has it: a later PATH_CHALLENGE does not count, and of several PATH_RESPONSE frames in
 * one packet the first does.
 */
export const newPathsValidated: Rule = ({ left, right }) => {
  const moves = firstOnNewPaths(sentBy(right, "server"));
  if (moves.length === 0) return ["The server sent on one path only: the client never moved."];
  const responses = new Set(
    sentBy(left, "client").flatMap(({ packets }) => packets[0]!.pathResponses.slice(0, 1)),
  );
  return moves.flatMap((datagram) => {
    const challenge = datagram.packets[0]!.pathChallenges[0];
    const where = `Packet ${datagram.frame} of the server's side, its first on the path`;
    if (challenge === undefined) return [`${where} ${pathOf(datagram)}, has no PATH_CHALLENGE.`];
    if (responses.has(challenge)) return [];
    return [`${where} ${pathOf(datagram)}, has PATH_CHALLENGE ${challenge}: never answered.`];
  });
};

export const severalClientAddresses: Rule = ({ right }) => {
  const addresses = new Set(sentBy(right, "server").map((datagram) => datagram.destination));
  if (addresses.size > 1) return [];
  return [`The server sent to ${addresses.size} client address, expected several.`];
};

/** RFC 9000 §9.5: nobody shall see by its connection ID that it is the same connection. */
export const migrationChangesId: Rule = ({ left }) => {
  const reasons: string[] = [];
  const paths = new Set<string>();
  const ids = new Set<string>();
  for (const datagram of sentBy(left, "client")) {
    const path = pathOf(datagram);
    const id = datagram.packets[0]!.destinationId;
    if (!paths.has(path) && ids.has(id)) {
      reasons.push(
        `Packet ${datagram.frame} of the client's side, its first on the path ${path}, has the ` +
          `destination connection ID ${id} of a path before.`,
      );
    }
    paths.add(path);
    ids.add(id);
  }
  return reasons;
};

export const onlyIpv6: Rule = ({ right }) => {
  const old = sentBy(right, "server").filter((datagram) => !datagram.source.includes(":"));
  if (old.length === 0) return [];
  return [`The server sent ${old.length} packets over IPv4, the first is ${old[0]!.frame}.`];
};

/** Each sender marks some packets, reports the other's marks, and nothing marks congestion. */
export const ecnBothWays: Rule = ({ left, right }) => {
  const reasons: string[] = [];
  for (const [sender, side] of [["client", left] as const, ["server", right] as const]) {
    const datagrams = sentBy(side, sender);
    const marked = datagrams.filter((datagram) => datagram.ecn === 1 || datagram.ecn === 2);
    if (marked.length === 0) {
      reasons.push(`None of the ${sender}'s ${datagrams.length} packets is ECN-capable.`);
    }
    const congested = datagrams.filter((datagram) => datagram.ecn === CE);
    if (congested.length > 0) {
      const [first] = congested;
      reasons.push(
        `${congested.length} packets of the ${sender} are marked CE, the first is ` +
          `${first!.frame} of its side, expected none.`,
      );
    }
    const reports = (datagram: Datagram) => datagram.packets.some((packet) => packet.hasAckEcn);
    if (!datagrams.some(reports)) {
      reasons.push(`None of the ${sender}'s packets has an ACK frame with ECN counts.`);
    }
  }
  return reasons;
};

export const keysUpdated: Rule = ({ left, right }) =>
  [["client", left] as const, ["server", right] as const].flatMap(([sender, side]) => {
    const packets = packetsOf(side, sender, "1rtt");
    const readable = packets.filter(({ packet }) => packet.keyPhase !== null);
    const updated = readable.filter(({ packet }) => packet.keyPhase === 1);
    if (updated.length > 0) return [];
    return [
      `None of the ${sender}'s ${readable.length} 1-RTT packets has key phase 1 ` +
        `(and ${packets.length - readable.length} could not be decrypted).`,
    ];
  });

/** Of the server's 1-RTT packets, from first to last. Null when there are not two. */
export function transferSeconds(left: readonly Datagram[]): number | null {
  const packets = packetsOf(left, "server", "1rtt");
  const [first, last] = [packets[0], packets.at(-1)];
  if (first === undefined || last === undefined) return null;
  const seconds = last.datagram.time - first.datagram.time;
  return seconds > 0 ? seconds : null;
}
