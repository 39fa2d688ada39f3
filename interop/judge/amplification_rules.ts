/** The server and an address that it has not validated (RFC 9000 §8.1). */
import { packetsOf, type Rule } from "./evidence.ts";

/** RFC 9000 says 3; the runner tolerates less than 4. */
const TOLERATED_FACTOR = 4;
/** A connection ID of 64 bits, in hexadecimal, validates the address of who uses it. */
const VALIDATING_ID_LENGTH = 16;

/** The server's certificates are long enough for the limit to matter. */
export const longHandshake =
  (least: number): Rule =>
  ({ right }) => {
    const ends = packetsOf(right, "server", "handshake").map(({ packet }) => packet.cryptoEnd);
    const bytes = Math.max(0, ...ends);
    if (bytes >= least) return [];
    return [`The server sent ${bytes} bytes of Handshake CRYPTO data, expected ${least}.`];
  };

/**
 * Until the client's address is validated, no datagram of the server is as large as what is left
 * of the budget. Only datagrams that begin with an Initial add to it, as the runner has it.
 */
export const withinAmplificationLimit: Rule = ({ right }) => {
  const serverIds = new Set(
    packetsOf(right, "server", "initial")
      .map(({ packet }) => packet.sourceId)
      .filter((id) => id.length >= VALIDATING_ID_LENGTH),
  );
  let received = 0;
  let sent = 0;
  for (const datagram of right) {
    const { type, destinationId } = datagram.packets[0]!;
    const where = `Packet ${datagram.frame} of the server's side`;
    if (type === "version_negotiation") return [`${where} is a Version Negotiation.`];
    if (type === "unknown" || datagram.sender === null) {
      return [`${where} is of an unknown ${datagram.sender === null ? "sender" : "type"}.`];
    }
    if (datagram.sender === "client") {
      if (type === "handshake") return [];
      if (type !== "initial") continue;
      if (serverIds.has(destinationId)) return [];
      received += datagram.payloadBytes;
      continue;
    }
    const left = TOLERATED_FACTOR * received - sent;
    sent += datagram.payloadBytes;
    if (datagram.payloadBytes >= left) {
      return [
        `${where} makes it ${sent} bytes that the server sent to an address not validated, ` +
          `from which it had ${received}; expected less than ${TOLERATED_FACTOR * received}.`,
      ];
    }
  }
  return [
    "No datagram of the client begins with a Handshake packet, so its address was never validated.",
  ];
};
