/**
 * What a client asks a worker for: one connection to one address. The CONNECT command carries it as
 * struct quicd_connect with the server's name and the session behind it, in one buffer.
 */
import {
  CONNECT_EARLY,
  CONNECT_FAMILY_OFFSET,
  CONNECT_FLAGS_OFFSET,
  CONNECT_HELD,
  CONNECT_NAME_BYTES_OFFSET,
  CONNECT_OWN_SOCKET,
  CONNECT_PEER_IP_OFFSET,
  CONNECT_PEER_PORT_OFFSET,
  CONNECT_PROFILE_OFFSET,
  CONNECT_SCOPE_ID_OFFSET,
  CONNECT_SESSION_BYTES_OFFSET,
  CONNECT_SIZE,
  CONNECT_STAY,
} from "../native/abi.gen.ts";
import type { CloseInfo, QuicAppFactory } from "./app.ts";
import type { ClientConnection } from "./client_connection.ts";

export interface PeerEndpoint {
  family: 4 | 6;
  /** 16 bytes; an IPv4 address in the first 4. */
  ip: Uint8Array;
  port: number;
  /** IPv6 link-local, else 0. */
  scopeId: number;
}

/** Told in this order; of `connected` and `refused` or `ended` before it, one comes. */
export interface ConnectObserver {
  /** The worker has begun; close it to give up. */
  started(connection: ClientConnection): void;
  /** The worker did not begin: enum quicd_refusal, and the system's errno or 0. */
  refused(refusal: number, errno: number): void;
  /** Application data may flow: as 0-RTT if `connection.early`, else the handshake is complete. */
  connected(connection: ClientConnection): void;
  /** A session to resume from, opaque; the caller's own copy. */
  session(bytes: Uint8Array): void;
  /** CLOSING: also of a connection whose handshake failed. */
  ended(info: CloseInfo): void;
}

export interface ConnectRequest {
  /** What `Addon.addProfile` gave. */
  profile: number;
  /** Those of the profile, in their order. */
  alpns: readonly string[];
  peer: PeerEndpoint;
  /** For SNI and verification: at most 255 bytes. */
  serverName: string;
  session: Uint8Array | null;
  early: boolean;
  ownSocket: boolean;
  /** Goes to the server's preferred address (RFC 9000 §9.6). */
  followPreferred: boolean;
  /** Makes the application side, once application data may flow. */
  factory: QuicAppFactory;
  observer: ConnectObserver;
}

/** The bytes that CONNECT carries. */
export function encodeConnect(request: ConnectRequest): Uint8Array {
  const { peer, session } = request;
  const name = new TextEncoder().encode(request.serverName);
  const sessionBytes = session?.length ?? 0;
  const bytes = new Uint8Array(CONNECT_SIZE + name.length + sessionBytes);
  const fields = new DataView(bytes.buffer);
  const flags =
    (request.ownSocket ? CONNECT_OWN_SOCKET : 0) |
    (request.early ? CONNECT_EARLY | CONNECT_HELD : 0) |
    (request.followPreferred ? 0 : CONNECT_STAY);
  fields.setUint32(CONNECT_PROFILE_OFFSET, request.profile, true);
  fields.setUint32(CONNECT_FLAGS_OFFSET, flags, true);
  bytes.set(peer.ip, CONNECT_PEER_IP_OFFSET);
  fields.setUint16(CONNECT_PEER_PORT_OFFSET, peer.port, true);
  fields.setUint16(CONNECT_FAMILY_OFFSET, peer.family, true);
  fields.setUint32(CONNECT_SCOPE_ID_OFFSET, peer.scopeId, true);
  fields.setUint32(CONNECT_NAME_BYTES_OFFSET, name.length, true);
  fields.setUint32(CONNECT_SESSION_BYTES_OFFSET, sessionBytes, true);
  bytes.set(name, CONNECT_SIZE);
  if (session !== null) bytes.set(session, CONNECT_SIZE + name.length);
  return bytes;
}
