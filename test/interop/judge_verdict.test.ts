import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Case, CasePlan, Role } from "../../interop/cases/case.ts";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import { WEBTRANSPORT_CASES } from "../../interop/cases/webtransport_cases.ts";
import { endpointFilesArrived, filesArrived } from "../../interop/judge/file_rules.ts";
import { apply, judge } from "../../interop/judge/judge.ts";
import { readPdml } from "../../interop/judge/pdml.ts";
import { QUIC_JUDGEMENTS } from "../../interop/judge/quic_rules.ts";
import {
  negotiatedProtocol,
  WEBTRANSPORT_JUDGEMENTS,
} from "../../interop/judge/webtransport_rules.ts";
import { RunFolder } from "../../interop/runner/run_folder.ts";
import { evidence, packet, sent } from "../support/judged_packets.ts";

const root = mkdtempSync(join(tmpdir(), "quicd-judge-"));
afterAll(() => rmSync(root, { recursive: true }));

let runs = 0;
function newFolder(): RunFolder {
  const folder = new RunFolder(join(root, `${runs++}`));
  for (const role of ["client", "server"] as const) {
    mkdirSync(folder.www(role), { recursive: true });
    mkdirSync(folder.downloads(role), { recursive: true });
  }
  return folder;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function planFor(files: Partial<Record<Role, string[]>>, protocols = { client: "", server: "" }) {
  const list = (names: string[] = []) => names.map((name) => ({ name, bytes: 3 }));
  const plan: CasePlan = {
    files: { client: list(files.client), server: list(files.server) },
    folders: [],
    requests: { client: "", server: "" },
    protocols,
  };
  return plan;
}

const find = (name: string): Case => QUIC_CASES.find((case_) => case_.name === name)!;

describe("files", () => {
  /** What the server had, what the client got, and what is said of it: null for nothing. */
  const rows: [string, Record<string, string>, Record<string, string>, string | null][] = [
    ["equal", { a: "one", b: "two" }, { a: "one", b: "two" }, null],
    ["missing", { a: "one", b: "two" }, { a: "one" }, "1 of 2 files are missing: b."],
    ["surplus", { a: "one" }, { a: "one", c: "" }, "1 files were not asked for: c."],
    ["cut short", { a: "one" }, { a: "on" }, "The file a has 2 bytes, expected 3."],
    ["altered", { a: "one" }, { a: "onX" }, "The file a differs from byte 2 on, of 3."],
  ];
  test.each(rows)("%s", (_, served, fetched, reason) => {
    const folder = newFolder();
    for (const name in served) write(join(folder.www("server"), name), served[name]!);
    for (const name in fetched) write(join(folder.downloads("client"), name), fetched[name]!);
    const plan = planFor({ server: Object.keys(served) });
    expect(filesArrived(evidence({}, plan, folder))).toEqual(reason === null ? [] : [reason]);
  });

  test("of an endpoint lie in its folder, whoever fetches", () => {
    for (const [from, to] of [["server", "client"] as const, ["client", "server"] as const]) {
      const folder = newFolder();
      const plan = planFor({ [from]: ["wt/a"] });
      const given = evidence({}, plan, folder);
      write(join(folder.www(from), "wt/a"), "one");
      expect(endpointFilesArrived(given).join()).toContain("There is no folder");
      write(join(folder.downloads(to), "wt/a"), "one");
      write(join(folder.downloads(to), "negotiated_protocol.txt"), "x");
      expect(endpointFilesArrived(given)).toEqual([]);
      write(join(folder.downloads(to), "wt/b"), "one");
      expect(endpointFilesArrived(given)).toEqual(["1 files were not asked for: b."]);
    }
  });
});

test("the negotiated protocol is the client's first that both have, on both sides", () => {
  const folder = newFolder();
  const given = evidence({}, planFor({}, { client: "a b c", server: "c b d" }), folder);
  const path = (role: Role) => join(folder.downloads(role), "negotiated_protocol.txt");
  write(path("client"), "b\n");
  expect(negotiatedProtocol(given)).toEqual([`The server wrote no ${path("server")}.`]);
  write(path("server"), "c");
  const wrong = 'The server negotiated the protocol "c", expected "b".';
  expect(negotiatedProtocol(given)).toEqual([wrong]);
  write(path("server"), "b");
  expect(negotiatedProtocol(given)).toEqual([]);
});

describe("a verdict", () => {
  test("there are rules for every case", () => {
    const named = (cases: readonly Case[]) => cases.map((case_) => case_.name);
    expect([...QUIC_JUDGEMENTS.keys()]).toEqual(named(QUIC_CASES));
    expect([...WEBTRANSPORT_JUDGEMENTS.keys()]).toEqual(named(WEBTRANSPORT_CASES));
  });

  type ExitRow = [client: number | null, server: number | null, outcome: string, reason: string];
  const rows: ExitRow[] = [
    [127, 0, "unsupported", "client does not take part"],
    [0, 127, "unsupported", "server does not take part"],
    [null, null, "failed", "still running after the 60 s"],
    [null, 0, "failed", "still running after the 60 s"],
    [1, 143, "failed", "client exited with 1, expected 0; the server exited with 143"],
    [1, null, "failed", "the server had to be ended"],
  ];
  test.each(rows)("exit codes %p and %p: %s", async (client, server, outcome, reason) => {
    const verdict = await judge(find("handshake"), planFor({}), newFolder(), { client, server });
    expect(verdict.outcome).toBe(outcome as typeof verdict.outcome);
    expect(verdict.reasons.join()).toContain(reason);
  });

  test("is unsupported without a key log, where one is needed", async () => {
    const folder = newFolder();
    write(folder.keyLog("client"), "CLIENT_RANDOM 00 00\n");
    const verdict = await judge(find("multiplexing"), planFor({}), folder, {
      client: 0,
      server: 0,
    });
    const reasons = ["Neither endpoint wrote a key log."];
    expect(verdict).toEqual({ outcome: "unsupported", reasons });
  });

  test("is failed when a capture is empty, in which nothing can be wrong", () => {
    const initial = sent("client", packet("initial"));
    const rules = { rules: [] };
    const verdict = (sides: Parameters<typeof evidence>[0]) =>
      apply(find("handshake"), rules, evidence(sides));
    const reasons = ["No QUIC packet was captured at the client's side."];
    expect(verdict({ right: [initial] })).toEqual({ outcome: "failed", reasons });
    expect(verdict({ right: [initial], left: [initial] }).outcome).toBe("succeeded");
  });

  test("of a measurement is the files' size by the time from first to last 1-RTT packet", () => {
    const folder = newFolder();
    write(join(folder.www("server"), "a"), "one");
    write(join(folder.downloads("client"), "a"), "one");
    const data = (time: number) => sent("server", packet("1rtt"), { time });
    const right = [sent("server", packet("initial", { sourceId: "aa" }))];
    const judged = (...left: ReturnType<typeof data>[]) =>
      apply(
        find("goodput"),
        QUIC_JUDGEMENTS.get("goodput")!,
        evidence({ left, right }, planFor({ server: ["a"] }), folder),
      );
    const measured = judged(sent("client", packet("1rtt"), { time: 1 }), data(5), data(5.5));
    expect(measured).toEqual({ outcome: "succeeded", reasons: [], kbitPerSecond: 0.048 });
    expect(judged(data(5)).outcome).toBe("failed");
  });
});

test("PDML keeps the packets of a datagram apart", () => {
  const field = (name: string, show: string, size = 1) =>
    `    <field name="${name}" showname="x: ${show}" size="${size}" pos="0" show="${show}"/>`;
  const text = [
    "<packet>",
    '  <proto name="geninfo" pos="0" showname="General information" size="9">',
    field("num", "7"),
    '    <field name="timestamp" pos="0" show="Nov 23" showname="x" value="12.5" size="9"/>',
    field("ip.src", "193.167.100.100"),
    field("ip.dsfield.ecn", "2"),
    field("udp.srcport", "443"),
    field("udp.length", "1208"),
    '  <proto name="quic" showname="QUIC IETF" size="600" pos="42">',
    field("quic.header_form", "1"),
    field("quic.long.packet_type", "0"),
    field("quic.version", "0x00000001"),
    field("quic.scid", "aa:bb"),
    field("quic.packet_number", "0"),
    field("quic.crypto.offset", "100"),
    field("quic.crypto.length", "20"),
    field("quic.crypto.offset", "0"),
    field("quic.crypto.length", "100"),
    '      <proto name="tls" showname="TLS" size="9" pos="0">',
    field("tls.handshake.type", "2"),
    '  <proto name="quic" showname="QUIC IETF" size="500" pos="642">',
    field("quic.header_form", "1"),
    field("quic.version", "0x6b3343cf"),
    field("quic.long.packet_type_v2", "3"),
    field("tls.handshake.certificates_length", "405"),
    '  <proto name="quic" showname="QUIC IETF" size="100" pos="1142">',
    field("quic.header_form", "0"),
    field("quic.key_phase", "True"),
    field("quic.protected_payload", "00:00", 88),
    "</packet>",
  ];
  const datagrams = readPdml(text.join("\n"));
  expect(datagrams.length).toBe(1);
  const { frame, time, sender, ecn, sourcePort, payloadBytes, packets } = datagrams[0]!;
  expect([frame, time, sender, ecn, sourcePort, payloadBytes]).toEqual([
    7,
    12.5,
    "server",
    2,
    443,
    1200,
  ]);
  expect(packets).toEqual([
    packet("initial", { sourceId: "aabb", number: 0, cryptoEnd: 120, tlsMessages: [2] }),
    packet("handshake", { version: 0x6b3343cf, hasCertificates: true }),
    packet("1rtt", { keyPhase: 1, payloadBytes: 88 }),
  ]);
});
