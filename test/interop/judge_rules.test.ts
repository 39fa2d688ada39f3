import { describe, expect, test } from "bun:test";
import {
  longHandshake,
  withinAmplificationLimit,
} from "../../interop/judge/amplification_rules.ts";
import type { Evidence, Rule } from "../../interop/judge/evidence.ts";
import {
  earlyData,
  handshakes,
  negotiatedVersion2,
  noRetry,
  onlyChaCha20,
  onlyVersion1,
  repeatedClientHello,
  resumed,
  retryTokenReturns,
  streamLimit,
} from "../../interop/judge/handshake_rules.ts";
import { type Packet, VERSION_2 } from "../../interop/judge/packet.ts";
import {
  ecnBothWays,
  keysUpdated,
  migrationChangesId,
  newPathsValidated,
  onlyIpv6,
  severalClientAddresses,
} from "../../interop/judge/path_rules.ts";
import { evidence, packet, sent } from "../support/judged_packets.ts";

/** What the evidence is like, the evidence, and what the rule says of it: null for nothing. */
type Example = [description: string, evidence: Evidence, reason: string | null];

function examples(name: string, rule: Rule, rows: Example[]): void {
  describe(name, () => {
    test.each(rows)("%s", (_, given, reason) => {
      const reasons = rule(given);
      if (reason === null) expect(reasons).toEqual([]);
      else expect(reasons.join(" ")).toContain(reason);
    });
  });
}

const left = (...datagrams: Evidence["left"]) => evidence({ left: [...datagrams] });
const right = (...datagrams: Evidence["right"]) => evidence({ right: [...datagrams] });
const initial = (fields: Partial<Packet> = {}) => packet("initial", fields);
const handshake = (fields: Partial<Packet> = {}) => packet("handshake", fields);
const oneRtt = (fields: Partial<Packet> = {}) => packet("1rtt", fields);

const serverInitials = (...ids: string[]) =>
  right(...ids.map((sourceId) => sent("server", initial({ sourceId }))));

examples("handshakes", handshakes(2), [
  ["as many as expected", serverInitials("aa", "bb", "aa"), null],
  ["one too few", serverInitials("aa", "aa"), "1 handshakes, expected 2"],
  ["one too many", serverInitials("aa", "bb", "cc"), "3 handshakes, expected 2"],
  [
    "the third coalesced behind another",
    right(
      sent("server", initial({ sourceId: "aa" })),
      sent("server", [initial({ sourceId: "bb" }), initial({ sourceId: "cc" })]),
    ),
    "the last in packet 2 of the server's side",
  ],
  ["none but the client's", right(sent("client", initial({ sourceId: "aa" }))), "0 handshakes"],
]);

examples("only version 1", onlyVersion1, [
  ["version 1", serverInitials("aa"), null],
  ["version 2", right(sent("server", initial({ version: VERSION_2 }))), "0x6b3343cf, expected"],
  ["both", right(sent("server", [initial(), initial({ version: 2 })])), "versions 0x1, 0x2"],
  ["no Initial", right(sent("server", handshake())), "versions none"],
]);

examples("no Retry", noRetry, [
  ["none", left(sent("server", initial())), null],
  ["one", left(sent("client", initial()), sent("server", packet("retry"))), "Packet 2 of the"],
]);

const hello = (fields: Partial<Packet> = {}) =>
  sent("client", initial({ tlsMessages: [1], ...fields }));
const repeats = { tlsMessages: [], repeats: true };

examples("repeated ClientHello", repeatedClientHello, [
  ["twice", left(hello(), hello()), null],
  ["once, and a part again", left(hello(), hello(repeats)), null],
  ["once", left(hello(), sent("client", initial())), "sent 1 Initial packets"],
  ["the server's does not count", left(hello(), sent("server", initial(repeats))), "sent 1"],
]);

examples("only ChaCha20", onlyChaCha20, [
  ["alone", left(hello({ cipherSuites: [0x1303] })), null],
  ["alone, twice", left(hello({ cipherSuites: [0x1303] }), hello({ cipherSuites: [] })), null],
  ["with AES", left(hello({ cipherSuites: [0x1303, 0x1301] })), "0x1303, 0x1301 in packets 1"],
  ["only AES", left(hello({ cipherSuites: [0x1301] })), "suites 0x1301 in"],
  ["no ClientHello seen", left(sent("client", oneRtt())), "suites none in packets (none)"],
]);

const retry = sent("server", packet("retry", { token: "beef" }));
const attempt = (number: number, token = "") => sent("client", initial({ number, token }));

examples("Retry token returns", retryTokenReturns, [
  ["with the next number", left(attempt(0), retry, attempt(1, "beef")), null],
  ["with the same number", left(attempt(0), retry, attempt(0, "beef")), "has packet number 0"],
  ["another token", left(attempt(0), retry, attempt(1, "cafe")), "None of the client's"],
  ["no token", left(attempt(0), retry, attempt(1)), "None of the client's"],
  ["no Retry", left(attempt(0), attempt(1, "beef")), "The server sent no Retry"],
  ["an empty Retry", left(attempt(0), sent("server", packet("retry"))), "in packet 2 has no"],
]);

const limits = (...streamLimits: number[]) => left(sent("server", handshake({ streamLimits })));

examples("stream limit", streamLimit(1000), [
  ["at the limit", limits(1000), null],
  ["above", limits(1001), "is 1001 in packet 1, expected at most 1000"],
  ["not seen", left(sent("server", handshake())), "No initial_max_streams_bidi"],
  [
    "the client's does not count",
    left(sent("client", handshake({ streamLimits: [5] }))),
    "No initial_max_streams_bidi",
  ],
]);

const reply = (sourceId: string, hasCertificates: boolean) =>
  sent("server", handshake({ sourceId, hasCertificates }));

examples("resumed", resumed, [
  ["a certificate on the first", left(reply("aa", true), reply("bb", false)), null],
  ["on both", left(reply("aa", true), reply("bb", true)), "Packet 2 has a Certificate"],
  ["on none", left(reply("aa", false), reply("bb", false)), "There is no Certificate"],
  [
    "three connections",
    left(reply("aa", true), reply("bb", false), reply("cc", false)),
    "source connection ID is bb",
  ],
  ["nothing", left(), "There is no Certificate"],
]);

const early = (payloadBytes: number) => sent("client", packet("0rtt", { payloadBytes }));
const late = (payloadBytes: number) => sent("client", oneRtt({ payloadBytes }));

examples("early data", earlyData(5000), [
  ["most of it", left(early(9000), late(4000), late(1000)), null],
  ["one byte too many after it", left(early(9000), late(5001)), "sent 5001 bytes in 1-RTT"],
  ["none", left(late(10)), "nothing in 0-RTT"],
  [
    "the server's do not count",
    left(early(1), sent("server", oneRtt({ payloadBytes: 9999 }))),
    null,
  ],
]);

const v2 = { version: VERSION_2 };
const upgraded = (changes: { client?: Partial<Packet>; server?: Partial<Packet> } = {}) =>
  evidence({
    left: [sent("client", initial()), sent("client", handshake({ ...v2, ...changes.client }))],
    right: [sent("server", initial(v2)), sent("server", handshake({ ...v2, ...changes.server }))],
  });

examples("negotiated version 2", negotiatedVersion2, [
  ["from 1 to 2", upgraded(), null],
  ["the client's Handshake in 1", upgraded({ client: { version: 1 } }), "client's Handshake"],
  ["the server's Handshake in 1", upgraded({ server: { version: 1 } }), "server's Handshake"],
  [
    "only 1",
    evidence({
      left: [sent("client", initial())],
      right: [sent("server", [initial(), handshake()])],
    }),
    "not 0x6b3343cf",
  ],
  ["only 2", evidence({ left: [sent("client", initial(v2))] }), "0x6b3343cf, not 0x1"],
]);

/** The server's datagrams to these ports, and the client's. */
const to = (destinationPort: number, challenge?: string) =>
  sent("server", oneRtt({ pathChallenges: challenge ? [challenge] : [] }), { destinationPort });
const answer = (...pathResponses: string[]) => sent("client", oneRtt({ pathResponses }));

examples("new paths validated", newPathsValidated, [
  ["challenged at once", evidence({ right: [to(1), to(2, "c2")], left: [answer("c2")] }), null],
  [
    "and back without another",
    evidence({ right: [to(1), to(2, "c2"), to(1), to(2)], left: [answer("c2")] }),
    null,
  ],
  [
    "challenged in the second datagram",
    evidence({ right: [to(1), to(2), to(2, "c2")], left: [answer("c2")] }),
    "Packet 2 of the server's side, its first on the path 193.167.100.100 443 -> 193.167.0.100 2,",
  ],
  [
    "the second move not challenged",
    evidence({ right: [to(1), to(2, "c2"), to(3)], left: [answer("c2")] }),
    "Packet 3 of the server's side",
  ],
  ["never answered", evidence({ right: [to(1), to(2, "c2")] }), "c2: never answered"],
  [
    "answered otherwise",
    evidence({ right: [to(1), to(2, "c2")], left: [answer("c1")] }),
    "c2: never answered",
  ],
  [
    "the runner sees one response of a packet",
    evidence({ right: [to(1), to(2, "c2")], left: [answer("c1", "c2")] }),
    "c2: never answered",
  ],
  ["no move", evidence({ right: [to(1), to(1)] }), "on one path only"],
]);

examples("several client addresses", severalClientAddresses, [
  ["two", right(to(1), { ...to(1), destination: "193.167.0.7" }), null],
  ["two ports of one", right(to(1), to(2)), "1 client address"],
]);

/** The client's datagrams: from which port, to which connection ID. */
const from = (sourcePort: number, destinationId: string) =>
  sent("client", oneRtt({ destinationId }), { sourcePort });

examples("migration changes the connection ID", migrationChangesId, [
  ["at once", left(from(1, "aa"), from(2, "bb")), null],
  ["no move", left(from(1, "aa"), from(1, "aa")), null],
  ["later", left(from(1, "aa"), from(2, "aa"), from(2, "bb")), "Packet 2 of the client's side"],
  [
    "to one that was used before",
    left(from(1, "aa"), from(1, "bb"), from(2, "cc"), from(3, "bb")),
    "destination connection ID bb",
  ],
]);

examples("only IPv6", onlyIpv6, [
  ["IPv6", right(sent("server", oneRtt(), { source: "fd00:cafe:cafe:100::100" })), null],
  ["IPv4", right(to(1)), "1 packets over IPv4, the first is 1"],
  ["the client's does not count", right(sent("client", oneRtt())), null],
]);

const ecn = (client: number, server: number, reports = true) =>
  evidence({
    left: [sent("client", oneRtt({ hasAckEcn: reports }), { ecn: client })],
    right: [sent("server", oneRtt({ hasAckEcn: reports }), { ecn: server })],
  });

examples("ECN both ways", ecnBothWays, [
  ["ECT(0) and ECT(1)", ecn(2, 1), null],
  ["the client never", ecn(0, 2), "None of the client's 1 packets is ECN-capable"],
  ["the server never", ecn(2, 0), "None of the server's 1 packets is ECN-capable"],
  ["CE", ecn(2, 3), "1 packets of the server are marked CE, the first is 1"],
  ["no reports", ecn(2, 2, false), "has an ACK frame with ECN counts"],
]);

const phases = (client: Packet["keyPhase"], server: Packet["keyPhase"]) =>
  evidence({
    left: [sent("client", [oneRtt({ keyPhase: 0 }), oneRtt({ keyPhase: client })])],
    right: [sent("server", oneRtt({ keyPhase: server }))],
  });

examples("keys updated", keysUpdated, [
  ["by both", phases(1, 1), null],
  ["by the client only", phases(1, 0), "None of the server's 1 1-RTT packets has key phase 1"],
  ["by the server only", phases(0, 1), "None of the client's 2 1-RTT packets has key phase 1"],
  ["not to be seen", phases(1, null), "(and 1 could not be decrypted)"],
]);

examples("long handshake", longHandshake(7500), [
  ["long enough", right(sent("server", handshake({ cryptoEnd: 7500 }))), null],
  ["too short", right(sent("server", handshake({ cryptoEnd: 700 }))), "sent 700 bytes"],
  ["only the client's", right(sent("client", handshake({ cryptoEnd: 9000 }))), "sent 0 bytes"],
]);

const validated = sent("client", handshake());
const out = (payloadBytes: number) => sent("server", handshake(), { payloadBytes });
const input = (payloadBytes: number, destinationId = "ff") =>
  sent("client", initial({ destinationId }), { payloadBytes });
const named = (sourceId: string) => sent("server", initial({ sourceId }));
const longId = "0011223344556677";

examples("within the amplification limit", withinAmplificationLimit, [
  ["three times", right(input(1200), out(1200), out(1200), out(1200), validated), null],
  ["tolerated: below four times", right(input(1200), out(4799), validated), null],
  ["four times", right(input(1200), out(4800), validated), "Packet 2 of the server's side"],
  ["the sum of several", right(input(1000), out(3000), out(1000), validated), "4000 bytes"],
  ["a second Initial adds", right(input(1000), out(3000), input(1000), out(3000), validated), null],
  ["before anything came", right(out(100), validated), "from which it had 0"],
  [
    "0-RTT adds nothing",
    right(input(1200), sent("client", packet("0rtt")), out(4800), validated),
    "makes it 4800 bytes",
  ],
  [
    "validated by an ID of 64 bits",
    right(input(1200), named(longId), input(9, longId), out(9000)),
    null,
  ],
  [
    "not by a shorter one",
    right(input(1200), named("0011"), input(9, "0011"), out(9000)),
    "makes it 10200 bytes",
  ],
  ["never validated", right(input(1200), out(100)), "never validated"],
  ["a Version Negotiation", right(sent("server", packet("version_negotiation"))), "Packet 1"],
  ["a stranger", right({ ...input(1200), sender: null }), "unknown sender"],
  ["another version", right(sent("client", packet("unknown"))), "unknown type"],
]);
