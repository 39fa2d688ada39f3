/**
 * What quicd_connection_view said of a connection at one moment, read lazily from a private copy:
 * the slot may be another connection's by the time somebody asks.
 */
import {
  CLOSE_APPLICATION,
  CLOSE_LOCAL,
  CLOSE_RESET,
  CLOSE_TIMEOUT,
  CONNECTION_VIEW_ACKNOWLEDGED_BYTES_OFFSET,
  CONNECTION_VIEW_ALPN_WORD,
  CONNECTION_VIEW_CLOSE_CODE_OFFSET,
  CONNECTION_VIEW_CLOSE_FLAGS_WORD,
  CONNECTION_VIEW_CONGESTION_WINDOW_BYTES_OFFSET,
  CONNECTION_VIEW_CONNECTION_ID_LENGTH,
  CONNECTION_VIEW_CONNECTION_ID_OFFSET,
  CONNECTION_VIEW_DATAGRAM_MAX_BYTES_WORD,
  CONNECTION_VIEW_DATAGRAMS_LOST_OFFSET,
  CONNECTION_VIEW_DATAGRAMS_RECEIVED_OFFSET,
  CONNECTION_VIEW_DATAGRAMS_SENT_OFFSET,
  CONNECTION_VIEW_DELIVERY_RATE_OFFSET,
  CONNECTION_VIEW_DROPPED_DATAGRAMS_OFFSET,
  CONNECTION_VIEW_ECN_CE_OFFSET,
  CONNECTION_VIEW_ECN_SENT_OFFSET,
  CONNECTION_VIEW_ECN_STATE_OFFSET,
  CONNECTION_VIEW_FAMILY_OFFSET,
  CONNECTION_VIEW_FLAGS_OFFSET,
  CONNECTION_VIEW_GENERATION_WORD,
  CONNECTION_VIEW_IN_FLIGHT_BYTES_OFFSET,
  CONNECTION_VIEW_KEY_UPDATES_OFFSET,
  CONNECTION_VIEW_LOCAL_IP_OFFSET,
  CONNECTION_VIEW_LOCAL_PORT_OFFSET,
  CONNECTION_VIEW_LOST_BYTES_OFFSET,
  CONNECTION_VIEW_LOST_PACKETS_OFFSET,
  CONNECTION_VIEW_MINIMUM_ROUND_TRIP_US_WORD,
  CONNECTION_VIEW_PATH_MTU_BYTES_WORD,
  CONNECTION_VIEW_PATHS_WORD,
  CONNECTION_VIEW_PEER_IP_LENGTH,
  CONNECTION_VIEW_PEER_IP_OFFSET,
  CONNECTION_VIEW_PEER_PORT_OFFSET,
  CONNECTION_VIEW_PROBE_TIMEOUTS_WORD,
  CONNECTION_VIEW_QUEUED_BYTES_OFFSET,
  CONNECTION_VIEW_REASON_BYTES_OFFSET,
  CONNECTION_VIEW_REASON_LENGTH,
  CONNECTION_VIEW_REASON_OFFSET,
  CONNECTION_VIEW_REBINDINGS_WORD,
  CONNECTION_VIEW_RECEIVED_BYTES_OFFSET,
  CONNECTION_VIEW_RECEIVED_PACKETS_OFFSET,
  CONNECTION_VIEW_REFRESHED_US_OFFSET,
  CONNECTION_VIEW_RETRANSMITTED_BYTES_OFFSET,
  CONNECTION_VIEW_RETRANSMITTED_PACKETS_OFFSET,
  CONNECTION_VIEW_ROUND_TRIP_US_WORD,
  CONNECTION_VIEW_ROUND_TRIP_VARIATION_US_WORD,
  CONNECTION_VIEW_SENT_BYTES_OFFSET,
  CONNECTION_VIEW_SENT_PACKETS_OFFSET,
  CONNECTION_VIEW_SERVER_NAME_LENGTH,
  CONNECTION_VIEW_SERVER_NAME_OFFSET,
  CONNECTION_VIEW_STREAMS_WORD,
} from "../native/abi.gen.ts";
import type { CloseInfo, ConnectionStats, EcnState, SocketAddress } from "./app.ts";
import { type ErrorCode, errorCodeOf } from "./error_code.ts";
import { socketAddress } from "./socket_address.ts";

const WORD_BYTES = 4;
/** By enum qd_ecn of native/quiche/quicd_quiche.h. */
const ECN_STATES: readonly EcnState[] = ["off", "testing", "unknown", "capable", "failed"];

export class ConnectionSnapshot {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #fields: DataView;

  /** Takes the bytes (CONNECTION_VIEW_SIZE of them); nobody may write them later. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#fields = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get generation(): number {
    return this.#word(CONNECTION_VIEW_GENERATION_WORD);
  }

  /** Index in the configured list. */
  get alpn(): number {
    return this.#word(CONNECTION_VIEW_ALPN_WORD);
  }

  get datagramMaxBytes(): number {
    return this.#word(CONNECTION_VIEW_DATAGRAM_MAX_BYTES_WORD);
  }

  /** 32 hex digits. */
  get connectionId(): string {
    const start = CONNECTION_VIEW_CONNECTION_ID_OFFSET;
    return this.#bytes.subarray(start, start + CONNECTION_VIEW_CONNECTION_ID_LENGTH).toHex();
  }

  /** SNI, cut at 64 bytes, or "". */
  get serverName(): string {
    const start = CONNECTION_VIEW_SERVER_NAME_OFFSET;
    const field = this.#bytes.subarray(start, start + CONNECTION_VIEW_SERVER_NAME_LENGTH);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  }

  /** enum quicd_connection_flag. */
  get flags(): number {
    return this.#bytes[CONNECTION_VIEW_FLAGS_OFFSET]!;
  }

  get peerAddress(): SocketAddress {
    return this.#address(CONNECTION_VIEW_PEER_IP_OFFSET, CONNECTION_VIEW_PEER_PORT_OFFSET);
  }

  get localAddress(): SocketAddress {
    return this.#address(CONNECTION_VIEW_LOCAL_IP_OFFSET, CONNECTION_VIEW_LOCAL_PORT_OFFSET);
  }

  /** Meaningful from CLOSING on. */
  get closeInfo(): CloseInfo {
    const flags = this.#word(CONNECTION_VIEW_CLOSE_FLAGS_WORD);
    const start = CONNECTION_VIEW_REASON_OFFSET;
    const length = this.#fields.getUint16(CONNECTION_VIEW_REASON_BYTES_OFFSET, true);
    const end = start + Math.min(length, CONNECTION_VIEW_REASON_LENGTH);
    let by: CloseInfo["by"] = "peer";
    if ((flags & CLOSE_LOCAL) !== 0) by = "local";
    if ((flags & CLOSE_TIMEOUT) !== 0) by = "timeout";
    if ((flags & CLOSE_RESET) !== 0) by = "reset";
    return {
      by,
      application: (flags & CLOSE_APPLICATION) !== 0,
      code: this.#errorCode(CONNECTION_VIEW_CLOSE_CODE_OFFSET),
      reason: new TextDecoder().decode(this.#bytes.subarray(start, end)),
    };
  }

  get stats(): ConnectionStats {
    return {
      roundTripUs: this.#word(CONNECTION_VIEW_ROUND_TRIP_US_WORD),
      receivedBytes: this.#long(CONNECTION_VIEW_RECEIVED_BYTES_OFFSET),
      sentBytes: this.#long(CONNECTION_VIEW_SENT_BYTES_OFFSET),
      receivedPackets: this.#long(CONNECTION_VIEW_RECEIVED_PACKETS_OFFSET),
      sentPackets: this.#long(CONNECTION_VIEW_SENT_PACKETS_OFFSET),
      lostPackets: this.#long(CONNECTION_VIEW_LOST_PACKETS_OFFSET),
      rebindings: this.#word(CONNECTION_VIEW_REBINDINGS_WORD),
      droppedDatagrams: this.#long(CONNECTION_VIEW_DROPPED_DATAGRAMS_OFFSET),
      ageMs: this.#long(CONNECTION_VIEW_REFRESHED_US_OFFSET) / 1000,
      minimumRoundTripUs: this.#word(CONNECTION_VIEW_MINIMUM_ROUND_TRIP_US_WORD),
      roundTripVariationUs: this.#word(CONNECTION_VIEW_ROUND_TRIP_VARIATION_US_WORD),
      congestionWindowBytes: this.#long(CONNECTION_VIEW_CONGESTION_WINDOW_BYTES_OFFSET),
      bytesInFlight: this.#long(CONNECTION_VIEW_IN_FLIGHT_BYTES_OFFSET),
      deliveryRate: this.#long(CONNECTION_VIEW_DELIVERY_RATE_OFFSET),
      acknowledgedBytes: this.#long(CONNECTION_VIEW_ACKNOWLEDGED_BYTES_OFFSET),
      keyUpdates: this.#long(CONNECTION_VIEW_KEY_UPDATES_OFFSET),
      ecn: ECN_STATES[this.#long(CONNECTION_VIEW_ECN_STATE_OFFSET)]!,
      ecnSentPackets: this.#long(CONNECTION_VIEW_ECN_SENT_OFFSET),
      ecnCongestedPackets: this.#long(CONNECTION_VIEW_ECN_CE_OFFSET),
      lostBytes: this.#long(CONNECTION_VIEW_LOST_BYTES_OFFSET),
      retransmittedPackets: this.#long(CONNECTION_VIEW_RETRANSMITTED_PACKETS_OFFSET),
      retransmittedBytes: this.#long(CONNECTION_VIEW_RETRANSMITTED_BYTES_OFFSET),
      probeTimeouts: this.#word(CONNECTION_VIEW_PROBE_TIMEOUTS_WORD),
      pathMtuBytes: this.#word(CONNECTION_VIEW_PATH_MTU_BYTES_WORD),
      paths: this.#word(CONNECTION_VIEW_PATHS_WORD),
      openStreams: this.#word(CONNECTION_VIEW_STREAMS_WORD),
      queuedBytes: this.#long(CONNECTION_VIEW_QUEUED_BYTES_OFFSET),
      datagramsReceived: this.#long(CONNECTION_VIEW_DATAGRAMS_RECEIVED_OFFSET),
      datagramsSent: this.#long(CONNECTION_VIEW_DATAGRAMS_SENT_OFFSET),
      datagramsLost: this.#long(CONNECTION_VIEW_DATAGRAMS_LOST_OFFSET),
    };
  }

  #word(word: number): number {
    return this.#fields.getUint32(word * WORD_BYTES, true);
  }

  #errorCode(offset: number): ErrorCode {
    const low = this.#fields.getUint32(offset, true);
    return errorCodeOf(low, this.#fields.getUint32(offset + 4, true));
  }

  /** A u64 as a number: counters lose bits only above 2^53. */
  #long(offset: number): number {
    return (
      this.#fields.getUint32(offset, true) + this.#fields.getUint32(offset + 4, true) * 2 ** 32
    );
  }

  #address(ipOffset: number, portOffset: number): SocketAddress {
    const ip = this.#bytes.subarray(ipOffset, ipOffset + CONNECTION_VIEW_PEER_IP_LENGTH);
    const family = this.#bytes[CONNECTION_VIEW_FAMILY_OFFSET]!;
    return socketAddress(family, ip, this.#fields.getUint16(portOffset, true));
  }
}
