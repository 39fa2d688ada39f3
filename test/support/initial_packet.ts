/**
 * Initial packets as anybody can make them: their keys follow from the destination connection ID,
 * which the client chooses (RFC 9001 §5.2). No handshake follows unless a test answers.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

const SALT_V1 = Buffer.from("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "hex");
const TAG_BYTES = 16;
const PACKET_NUMBER_BYTES = 4;
export const INITIAL_BYTES_MIN = 1200;

interface Keys {
  key: Buffer;
  iv: Buffer;
  headerKey: Buffer;
}

/** HKDF-Expand-Label of TLS (RFC 8446 §7.1), of at most 32 bytes and without context. */
function expand(secret: Uint8Array, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  return createHmac("sha256", secret).update(info).digest().subarray(0, length);
}

function initialKeys(destinationId: Uint8Array, side: "client in" | "server in"): Keys {
  const initial = createHmac("sha256", SALT_V1).update(destinationId).digest();
  const secret = expand(initial, side, 32);
  return {
    key: expand(secret, "quic key", 16),
    iv: expand(secret, "quic iv", 12),
    headerKey: expand(secret, "quic hp", 16),
  };
}

/** In two, four or eight bytes: enough for what is sent here (RFC 9000 §16). */
export function varint(value: number): Buffer {
  if (value < 64) return Buffer.from([value]);
  if (value < 16_384) return Buffer.from([0x40 | (value >> 8), value & 0xff]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((0x80000000 | value) >>> 0);
  return bytes;
}

export function cryptoFrame(offset: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x06]), varint(offset), varint(data.length), data]);
}

export const PING = Buffer.from([0x01]);
/** Of servers only, and never in an Initial. */
export const HANDSHAKE_DONE = Buffer.from([0x1e]);

/** A client that has begun a connection, and its further Initials. */
export class InitialSender {
  readonly destinationId: Uint8Array;
  readonly sourceId: Uint8Array;
  /** Follows the connection IDs; of a Retry, or made up. */
  token: Uint8Array = new Uint8Array(0);
  #number = 0;
  readonly #keys: Keys;

  constructor(destinationId: Uint8Array = randomBytes(8), sourceId: Uint8Array = randomBytes(8)) {
    this.destinationId = destinationId;
    this.sourceId = sourceId;
    this.#keys = initialKeys(destinationId, "client in");
  }

  /** The next packet with these frames, and PADDING up to `bytes` in all. */
  packet(frames: Uint8Array, bytes = INITIAL_BYTES_MIN): Buffer {
    const before = Buffer.concat([
      Buffer.from([0xc0 | (PACKET_NUMBER_BYTES - 1), 0, 0, 0, 1]),
      Buffer.from([this.destinationId.length]),
      this.destinationId,
      Buffer.from([this.sourceId.length]),
      this.sourceId,
      varint(this.token.length),
      this.token,
    ]);
    // A length of two bytes follows, then the packet number.
    const headerBytes = before.length + 2 + PACKET_NUMBER_BYTES;
    const plainBytes = Math.max(frames.length, bytes - headerBytes - TAG_BYTES);
    const length = PACKET_NUMBER_BYTES + plainBytes + TAG_BYTES;
    const number = this.#number++;
    const tail = Buffer.alloc(2 + PACKET_NUMBER_BYTES);
    tail.writeUInt16BE(0x4000 | length);
    tail.writeUInt32BE(number, 2);
    const plain = Buffer.alloc(plainBytes);
    plain.set(frames);
    return this.#protect(Buffer.concat([before, tail]), plain, number);
  }

  /** RFC 9001 §5.3, §5.4. */
  #protect(header: Buffer, plain: Uint8Array, number: number): Buffer {
    const { key, iv, headerKey } = this.#keys;
    const nonce = Buffer.from(iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ number) >>> 0, 8);
    const cipher = createCipheriv("aes-128-gcm", key, nonce).setAAD(header);
    const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    const packet = Buffer.concat([header, sealed]);
    const numberAt = header.length - PACKET_NUMBER_BYTES;
    const sample = packet.subarray(numberAt + 4, numberAt + 20);
    const mask = createCipheriv("aes-128-ecb", headerKey, null).update(sample);
    packet[0]! ^= mask[0]! & 0x0f;
    for (let i = 0; i < PACKET_NUMBER_BYTES; i++) packet[numberAt + i]! ^= mask[1 + i]!;
    return packet;
  }
}

/** The frames of the Initial at the start of a server's answer; null when it is none of `to`'s. */
export function openServerInitial(to: InitialSender, datagram: Uint8Array): Uint8Array | null {
  const { key, iv, headerKey } = initialKeys(to.destinationId, "server in");
  const packet = Buffer.from(datagram);
  if ((packet[0]! & 0xf0) !== 0xc0) return null;
  // Behind two IDs and an empty token: a length of two bytes, as quiche writes it.
  let at = 6 + packet[5]!;
  at += 1 + packet[at]! + 1;
  const length = packet.readUInt16BE(at) & 0x3fff;
  at += 2;
  const mask = createCipheriv("aes-128-ecb", headerKey, null).update(
    packet.subarray(at + 4, at + 20),
  );
  packet[0]! ^= mask[0]! & 0x0f;
  const numberBytes = 1 + (packet[0]! & 3);
  for (let i = 0; i < numberBytes; i++) packet[at + i]! ^= mask[1 + i]!;
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ packet.readUIntBE(at, numberBytes)) >>> 0, 8);
  const sealed = packet.subarray(at + numberBytes, at + length);
  const opener = createDecipheriv("aes-128-gcm", key, nonce);
  opener.setAAD(packet.subarray(0, at + numberBytes));
  opener.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([opener.update(sealed.subarray(0, -TAG_BYTES)), opener.final()]);
  } catch {
    return null;
  }
}

/** Form and type (RFC 9000 §17.2) of the packets with long headers at the start of a datagram. */
export function longHeaders(datagram: Uint8Array): number[] {
  const packet = Buffer.from(datagram);
  const found: number[] = [];
  for (let at = 0; at < packet.length && packet[at]! >= 0xc0; ) {
    const type = packet[at]! & 0xf0;
    found.push(type);
    at += 6 + packet[at + 5]!;
    at += 1 + packet[at]! + (type === 0xc0 ? 1 : 0);
    at += 2 + (packet.readUInt16BE(at) & 0x3fff);
  }
  return found;
}

/**
 * The code, of one byte, of a CONNECTION_CLOSE among frames of a server's that knows nothing yet:
 * only PADDING, PING and an ACK of one range may come before it. Null when there is none.
 */
export function closeCodeOf(frames: Uint8Array): number | null {
  let at = 0;
  while (at < frames.length && frames[at]! <= 0x01) at++;
  if (frames[at] === 0x02) {
    // Largest, delay, a count of zero, the first range.
    at++;
    for (let field = 0; field < 4; field++) at += 1 << (frames[at]! >> 6);
  }
  while (at < frames.length && frames[at]! <= 0x01) at++;
  return frames[at] === 0x1c ? frames[at + 1]! : null;
}
