/**
 * The cases of h3spec 0.1.7, by their numbers in its newest list of 49: STREAM beyond the limit of
 * streams (2), STREAM on streams that can't be (19, 20) and transport parameters of a draft (32)
 * came later. The texts are h3spec's own, slips of the pen included: "MUST send TEXT [REFERENCE]".
 */

const TEXTS: readonly (readonly [number: number, text: string])[] = [
  [1, "FLOW_CONTROL_ERROR if a STREAM frame with a large offset is received"],
  [3, "TRANSPORT_PARAMETER_ERROR if initial_source_connection_id is missing"],
  [4, "TRANSPORT_PARAMETER_ERROR if original_destination_connection_id is received"],
  [5, "TRANSPORT_PARAMETER_ERROR if preferred_address, is received"],
  [6, "TRANSPORT_PARAMETER_ERROR if retry_source_connection_id is received"],
  [7, "TRANSPORT_PARAMETER_ERROR if stateless_reset_token is received"],
  [8, "TRANSPORT_PARAMETER_ERROR if max_udp_payload_size < 1200"],
  [9, "TRANSPORT_PARAMETER_ERROR if ack_delay_exponen > 20"],
  [10, "TRANSPORT_PARAMETER_ERROR if max_ack_delay >= 2^14"],
  [11, "FRAME_ENCODING_ERROR if a frame of unknown type is received"],
  [12, "PROTOCOL_VIOLATION on no frames"],
  [13, "PROTOCOL_VIOLATION if reserved bits in Handshake are non-zero"],
  [14, "PROTOCOL_VIOLATION if PATH_CHALLENGE in Handshake is received"],
  [15, "PROTOCOL_VIOLATION if reserved bits in Short are non-zero"],
  [16, "STREAM_STATE_ERROR if RESET_STREAM is received for a send-only stream"],
  [17, "STREAM_STATE_ERROR if STOP_SENDING is received for a non-existing stream"],
  [18, "PROTOCOL_VIOLATION if NEW_TOKEN is received"],
  [21, "STREAM_STATE_ERROR if MAX_STREAM_DATA is received for a non-existing stream"],
  [22, "STREAM_STATE_ERROR if MAX_STREAM_DATA is received for a receive-only stream"],
  [23, "FRAME_ENCODING_ERROR if invalid MAX_STREAMS is received"],
  [24, "STREAM_LIMIT_ERROR or FRAME_ENCODING_ERROR if invalid STREAMS_BLOCKED is received"],
  [25, "FRAME_ENCODING_ERROR if NEW_CONNECTION_ID with invalid Retire_Prior_To is received"],
  [26, "FRAME_ENCODING_ERROR if NEW_CONNECTION_ID with 0-byte CID is received"],
  [27, "PROTOCOL_VIOLATION if HANDSHAKE_DONE is received"],
  [28, "unexpected_message TLS alert if KeyUpdate in Handshake is received"],
  [29, "unexpected_message TLS alert if KeyUpdate in 1-RTT is received"],
  [30, "no_application_protocol TLS alert if no application protocols are supported"],
  [31, "missing_extension TLS alert if the quic_transport_parameters extension does not included"],
  [33, "unexpected_message TLS alert if EndOfEarlyData is received"],
  [34, "PROTOCOL_VIOLATION if CRYPTO in 0-RTT is received"],
  [35, "H3_FRAME_UNEXPECTED if DATA is received before HEADERS"],
  [36, "H3_MESSAGE_ERROR if a pseudo-header is duplicated"],
  [37, "H3_MESSAGE_ERROR if mandatory pseudo-header fields are absent"],
  [38, "H3_MESSAGE_ERROR if prohibited pseudo-header fields are present"],
  [39, "H3_MESSAGE_ERROR if pseudo-header fields exist after fields"],
  [40, "H3_MISSING_SETTINGS if the first control frame is not SETTINGS"],
  [41, "H3_FRAME_UNEXPECTED if a DATA frame is received on a control stream"],
  [42, "H3_FRAME_UNEXPECTED if a HEADERS frame is received on a control stream"],
  [43, "H3_FRAME_UNEXPECTED if a second SETTINGS frame is received"],
  [44, "H3_SETTINGS_ERROR if HTTP/2 settings are included"],
  [45, "H3_FRAME_UNEXPECTED if CANCEL_PUSH is received in a request stream"],
  [
    46,
    "QPACK_DECOMPRESSION_FAILED if an invalid static table index exits in " +
      "a field line representation",
  ],
  [47, "QPACK_ENCODER_STREAM_ERROR if a new dynamic table capacity value exceeds the limit"],
  [48, "H3_CLOSED_CRITICAL_STREAM if a control stream is closed"],
  [49, "QPACK_DECODER_STREAM_ERROR if Insert Count Increment is 0"],
];

export const CASE_COUNT = TEXTS.length;

const NUMBERS = new Map(TEXTS.map(([number, text]) => [text, number]));
const BY_NUMBER = new Map(TEXTS);
const LINE = /^MUST send (.*?) ?\[[^[]*\]$/;

/** Of a line of h3spec's output; undefined when no case is called so. */
export function caseNumber(line: string): number | undefined {
  return NUMBERS.get(LINE.exec(line)?.[1] ?? "");
}

/** @throws {Error} there is no such case. */
export function caseText(number: number): string {
  const text = BY_NUMBER.get(number);
  if (text === undefined) throw new Error(`h3spec 0.1.7 has no case ${number}`);
  return text;
}

export function isCaseNumber(number: number): boolean {
  return BY_NUMBER.has(number);
}
