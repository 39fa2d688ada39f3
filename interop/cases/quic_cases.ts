/**
 * The 22 QUIC cases and the two measurements of the QUIC Interop Runner, in its order: what each of
 * them lets the endpoints do, over which link. How they are judged: ../judge/quic_rules.ts.
 */
import type { Case, CasePlan, HostName, Role } from "./case.ts";
import { letters, slugs } from "./file_names.ts";

const KB = 1024;
const MB = 1024 * KB;

/** Round trip 30 ms, 10 Mbit/s, 25 packets of queue. */
const link = "--delay=15ms --bandwidth=10Mbps --queue=25";
const bothWays = (rate: number) =>
  `--rate_to_server=${rate} --rate_to_client=${rate} --burst_to_server=3 --burst_to_client=3`;

interface Row {
  name: string;
  abbreviation: string;
  description: string;
  /** Sizes of the server's files. */
  files: readonly number[];
  /** Length of their names: so many letters instead of words. */
  nameLength?: number;
  /** Without: the name of the case, for both. */
  testcase?: string | Record<Role, string>;
  host?: HostName;
  scenario?: string;
  timeoutSeconds?: number;
  chainLength?: number;
}

const tests: readonly Row[] = [
  {
    name: "handshake",
    abbreviation: "H",
    description: "A handshake without Retry, and one small file.",
    files: [KB],
  },
  {
    name: "transfer",
    abbreviation: "DC",
    description: "Three files side by side on one connection; flow control windows have to grow.",
    files: [2 * MB, 3 * MB, 5 * MB],
  },
  {
    name: "longrtt",
    abbreviation: "LR",
    description: "A handshake over a round trip of 1.5 s, for which the ClientHello is repeated.",
    testcase: "handshake",
    files: [KB],
    scenario: "simple-p2p --delay=750ms --bandwidth=10Mbps --queue=25",
  },
  {
    name: "chacha20",
    abbreviation: "C20",
    description: "The client offers TLS_CHACHA20_POLY1305_SHA256 and nothing else.",
    files: [3 * MB],
  },
  {
    name: "multiplexing",
    abbreviation: "M",
    description: "1,999 requests on one connection, under a stream limit of at most 1,000.",
    testcase: "transfer",
    files: Array<number>(1999).fill(32),
  },
  {
    name: "retry",
    abbreviation: "S",
    description: "The server answers with a Retry, and the client comes back with its token.",
    files: [10 * KB],
  },
  {
    name: "resumption",
    abbreviation: "R",
    description: "A second connection resumes the first one's TLS session.",
    files: [5 * KB, 10 * KB],
  },
  {
    name: "zerortt",
    abbreviation: "Z",
    description: "A second connection sends its requests as 0-RTT data.",
    files: Array<number>(40).fill(32),
    nameLength: 250,
  },
  {
    name: "http3",
    abbreviation: "3",
    description: "Three files over HTTP/3.",
    files: [5 * KB, 10 * KB, 500 * KB],
  },
  {
    name: "blackhole",
    abbreviation: "B",
    description: "A transfer survives two seconds without any packet.",
    testcase: "transfer",
    files: [10 * MB],
    scenario: `blackhole ${link} --on=5s --off=2s`,
  },
  {
    name: "keyupdate",
    abbreviation: "U",
    description: "The client updates its keys early in a transfer, and the server follows.",
    testcase: { client: "keyupdate", server: "transfer" },
    files: [3 * MB],
  },
  {
    name: "ecn",
    abbreviation: "E",
    description: "Both mark their packets as ECN-capable, and report what they received.",
    files: [100 * KB],
  },
  {
    name: "amplificationlimit",
    abbreviation: "A",
    description: "The server with a long chain sends at most three times what it received.",
    testcase: "transfer",
    files: [5 * KB],
    // The ClientHello arrives, what repeats or follows it does not.
    scenario: `droplist ${link} --drops_to_server=2,3,4,5,6,7`,
    chainLength: 9,
  },
  {
    name: "handshakeloss",
    abbreviation: "L1",
    description: "50 connections while 30 % of the packets are lost.",
    testcase: "multiconnect",
    files: Array<number>(50).fill(KB),
    scenario: `drop-rate ${link} ${bothWays(30)}`,
    timeoutSeconds: 300,
  },
  {
    name: "transferloss",
    abbreviation: "L2",
    description: "A transfer while 2 % of the packets are lost.",
    testcase: "transfer",
    files: [2 * MB],
    scenario: `drop-rate ${link} ${bothWays(2)}`,
  },
  {
    name: "handshakecorruption",
    abbreviation: "C1",
    description: "50 connections while 30 % of the packets are damaged.",
    testcase: "multiconnect",
    files: Array<number>(50).fill(KB),
    scenario: `corrupt-rate ${link} ${bothWays(30)}`,
    timeoutSeconds: 300,
  },
  {
    name: "transfercorruption",
    abbreviation: "C2",
    description: "A transfer while 2 % of the packets are damaged.",
    testcase: "transfer",
    files: [2 * MB],
    scenario: `corrupt-rate ${link} ${bothWays(2)}`,
  },
  {
    name: "ipv6",
    abbreviation: "6",
    description: "A transfer over IPv6 and nothing else.",
    testcase: "transfer",
    files: [5 * KB, 10 * KB],
    host: "server6",
  },
  {
    name: "v2",
    abbreviation: "V2",
    description: "A handshake that starts in QUIC version 1 and ends in version 2 (RFC 9368).",
    files: [KB],
  },
  {
    name: "rebind-port",
    abbreviation: "BP",
    description: "A transfer while a NAT changes the client's port every five seconds.",
    testcase: "transfer",
    files: [10 * MB],
    scenario: `rebind ${link} --first-rebind=1s --rebind-freq=5s`,
  },
  {
    name: "rebind-addr",
    abbreviation: "BA",
    description: "A transfer while a NAT changes the client's address and port.",
    testcase: "transfer",
    files: [10 * MB],
    scenario: `rebind ${link} --first-rebind=1s --rebind-freq=5s --rebind-addr`,
  },
  {
    name: "connectionmigration",
    abbreviation: "CM",
    description: "The client migrates to the server's preferred address.",
    testcase: { client: "transfer", server: "connectionmigration" },
    files: [2 * MB],
    host: "server46",
  },
];

const measurements: readonly Row[] = [
  {
    name: "goodput",
    abbreviation: "G",
    description: "How much of a link of 10 Mbit/s a transfer makes use of.",
    testcase: "transfer",
    files: [10 * MB],
  },
  {
    name: "crosstraffic",
    abbreviation: "C",
    description: "How much of a link of 10 Mbit/s a transfer gets beside a TCP connection.",
    testcase: "transfer",
    files: [25 * MB],
    timeoutSeconds: 180,
  },
];

function plan(row: Row, random: () => number): CasePlan {
  const slug = slugs(random);
  const length = row.nameLength;
  const files = row.files.map((bytes) => ({
    name: length === undefined ? slug() : letters(random, length),
    bytes,
  }));
  const prefix = `https://${row.host ?? "server4"}:443/`;
  return {
    files: { client: [], server: files },
    folders: [],
    requests: { client: files.map((file) => prefix + file.name).join(" "), server: "" },
    protocols: { client: "", server: "" },
  };
}

function toCase(row: Row, kind: Case["kind"]): Case {
  const testcase = row.testcase ?? row.name;
  return {
    name: row.name,
    abbreviation: row.abbreviation,
    description: row.description,
    kind,
    suite: "quic",
    testcase: typeof testcase === "string" ? { client: testcase, server: testcase } : testcase,
    host: row.host ?? "server4",
    scenario: row.scenario ?? `simple-p2p ${link}`,
    timeoutSeconds: row.timeoutSeconds ?? 60,
    repetitions: kind === "measurement" ? 5 : 1,
    chainLength: row.chainLength ?? 1,
    crossTraffic: row.name === "crosstraffic",
    plan: (random) => plan(row, random),
  };
}

export const QUIC_CASES: readonly Case[] = [
  ...tests.map((row) => toCase(row, "test")),
  ...measurements.map((row) => toCase(row, "measurement")),
];
