/** The table of a qlog, for each format in which the endpoints write one. */
import { describe, expect, test } from "bun:test";
import { sequenceTable } from "../../interop/qlog/sequence_table.ts";
import { UserError } from "../../src/config/user_error.ts";

const sequence = (...records: unknown[]) =>
  records.map((record) => `\x1e${JSON.stringify(record)}\n`).join("");

const HEADER = {
  file_schema: "urn:ietf:params:qlog:file:sequential",
  serialization_format: "JSON-SEQ",
  title: "0011",
  trace: { vantage_point: { type: "server" } },
};

function packet(name: string, time: number, header: object, frames: object[], length = 1200) {
  return { time, name: `quic:${name}`, data: { header, raw: { length }, frames } };
}

const rows = (text: string): string[] => text.trimEnd().split("\n").slice(1);

describe("JSON-SEQ", () => {
  const initial = { packet_type: "initial", packet_number: 0 };
  const crypto = { frame_type: "crypto", offset: 0, raw: { payload_length: 273 } };

  test("packets by direction, other events between them, times from the first", () => {
    const text = sequence(
      HEADER,
      packet("packet_received", 10, initial, [crypto, { frame_type: "padding" }]),
      packet("packet_sent", 11.5, initial, [{ frame_type: "ack", acked_ranges: [[0]] }], 73),
      { time: 12, name: "recovery:metrics_updated", data: { cwnd: 1 } },
      { time: 13, name: "quic:packet_lost", data: { header: initial, trigger: "time_threshold" } },
    );
    expect(sequenceTable(text, "x")).toBe(`\
0011: -> sent by the server, <- received by it; milliseconds
       0.00 <- Initial 0         1200 CRYPTO 0+273, PADDING
       1.50 -> Initial 0           73 ACK 0
       3.00 -- packet_lost Initial 0 trigger=time_threshold
`);
  });

  test("every frame in short", () => {
    const frames = [
      { frame_type: "stream", stream_id: 4, offset: 1200, length: 10, fin: true },
      { frame_type: "ack", acked_ranges: [[0, 5], [7], [9, 9]], ect0: 12, ect1: 0, ce: 1 },
      { frame_type: "max_streams", stream_type: "bidirectional", maximum: 100 },
      { frame_type: "path_challenge", data: "0011223344556677" },
      {
        frame_type: "new_connection_id",
        sequence_number: 3,
        retire_prior_to: 1,
        connection_id: "00112233445566",
      },
      { frame_type: "connection_close", error_space: "application", raw_error_code: 0, reason: "" },
      { frame_type: "handshake_done" },
    ];
    const header = { packet_type: "1RTT", packet_number: 7, key_phase_bit: 1 };
    const shown = rows(
      sequenceTable(sequence(HEADER, packet("packet_sent", 0, header, frames)), ""),
    );
    expect(shown.map((row) => row.trim()).join(" ")).toBe(
      "0.00 -> 1-RTT 7 phase 1   1200 STREAM 4 1200+10 FIN, ACK 0-5,7,9 ECN 12/0/1, " +
        "MAX_STREAMS maximum=100, PATH_CHALLENGE 0011223344556677, " +
        "NEW_CONNECTION_ID #3 00112233 retire <1, CONNECTION_CLOSE application 0, HANDSHAKE_DONE",
    );
  });

  test("no line is wider than 120 columns, nothing is lost in the breaks", () => {
    const stream = (id: number) => ({ frame_type: "stream", stream_id: id, offset: 0, length: 30 });
    const frames = Array.from({ length: 40 }, (_, index) => stream(4 * index));
    const text = sequence(HEADER, packet("packet_sent", 0, { packet_type: "0RTT" }, frames));
    const shown = rows(sequenceTable(text, ""));
    expect(Math.max(...shown.map((row) => row.length))).toBeLessThanOrEqual(120);
    expect(shown.join(" ").match(/STREAM\s+\d+\s+0\+30/g)).toHaveLength(40);
  });

  test("a last record that was cut is left out", () => {
    const text = sequence(HEADER, packet("packet_sent", 5, initial, [crypto]));
    expect(rows(sequenceTable(`${text}\x1e{"time":6,"name":"quic:pack`, ""))).toHaveLength(1);
  });

  test("without separators, as some write it", () => {
    const header = { qlog_format: "JSON-SEQ", qlog_version: "0.3", trace: {} };
    const event = { time: 1, name: "transport:packet_sent", data: { header: initial, frames: [] } };
    const text = `${JSON.stringify(header)}\n${JSON.stringify(event)}\n`;
    expect(rows(sequenceTable(text, ""))).toEqual(["       0.00 -> Initial 0"]);
  });
});

describe("one object", () => {
  test("with named events", () => {
    const events = [
      {
        time: 1700000000000.5,
        name: "transport:packet_sent",
        data: {
          frames: [{ frame_type: "ping" }],
          header: { packet_number: 3, packet_type: "1RTT" },
          raw: { length: 40 },
        },
      },
    ];
    const trace = { common_fields: {}, events, vantage_point: { name: "a", type: "client" } };
    const text = JSON.stringify({ qlog_format: "JSON", qlog_version: "0.3", traces: [trace] });
    expect(sequenceTable(text, "")).toContain("sent by the client");
    expect(rows(sequenceTable(text, ""))).toEqual(["       0.00 -> 1-RTT 3             40 PING"]);
  });

  test("with rows of fields and microseconds", () => {
    const trace = {
      vantage_point: { type: "server" },
      configuration: { time_units: "us" },
      event_fields: ["relative_time", "category", "event", "data"],
      events: [
        [1000, "transport", "spin_bit_updated", { state: true }],
        [
          3500,
          "transport",
          "packet_received",
          { packet_type: "1RTT", header: { packet_number: 1, packet_size: 31 }, frames: [] },
        ],
      ],
    };
    const text = JSON.stringify({ qlog_version: "draft-00", traces: [trace] });
    expect(rows(sequenceTable(text, ""))).toEqual([
      "       0.00 -- spin_bit_updated state=true",
      "       2.50 <- 1-RTT 1             31",
    ]);
  });
});

test.each(["", "{}", "plain text", '{"qlog_format":"JSON-SEQ"}', '{"traces":[{}]}'])(
  "%p is no qlog, and that is said",
  (text) => {
    expect(() => sequenceTable(text, "a.qlog")).toThrow(UserError);
    expect(() => sequenceTable(text, "a.qlog")).toThrow("a.qlog has no qlog events");
  },
);
