/**
 * Endpoints with one fault each, which the judge has to fail: programs on aioquic that behave well
 * but for it (faults.py). CLIENT_PARAMS and SERVER_PARAMS say which fault, and from which seed its
 * place is drawn.
 */
import { join } from "node:path";
import type { Role } from "../../cases/case.ts";
import type { Endpoint } from "../../peers/endpoint.ts";
import { installedPeer } from "../../peers/installed_peer.ts";

/** Behaves well without parameters. */
export const FAULTY: Endpoint = {
  ...installedPeer({
    name: "aioquic",
    description: "hq-interop on aioquic, with a fault on demand",
    roles: ["client", "server"],
  }),
  name: "faulty",
  command: [join(import.meta.dir, "run_endpoint.sh")],
};

export interface Fault {
  name: string;
  /** Whose it is; the other one behaves well. */
  role: Role;
  /** The case that it breaks. */
  case: string;
  /** What the judge has to say of it, in one of its reasons. */
  reason: RegExp;
  /** Files are cut to so many bytes: a run shall take seconds. */
  bytes?: number;
  /** Instead of the case's. */
  scenario?: string;
  /** The other endpoint. Default: the same program. */
  other?: "quic_go";
  /** What the endpoint does in the case without the fault, where that takes a parameter. */
  control?: string;
}

/**
 * Moves at 4, 6, 8 ... seconds of a transfer of 8 s. The client may take long to start on a busy
 * machine, and a move before its handshake is over would be another test. The queue is longer than
 * both senders' slow start makes it: a lost PATH_CHALLENGE fails a run too.
 */
const rebinding = {
  bytes: 2_000_000,
  scenario: "rebind --delay=15ms --bandwidth=2Mbps --queue=200 --first-rebind=4s --rebind-freq=2s",
  other: "quic_go",
} as const;

export const FAULTS: readonly Fault[] = [
  {
    name: "second-connection",
    role: "client",
    case: "handshake",
    reason: /^2 handshakes, expected 1/,
  },
  {
    name: "cut-file",
    role: "client",
    case: "transfer",
    bytes: 20_000,
    reason: /^The file \S+ has \d+ bytes, expected 20000\.$/,
  },
  {
    name: "altered-file",
    role: "client",
    case: "transfer",
    bytes: 20_000,
    reason: /^The file \S+ differs from byte \d+ on, of 20000\.$/,
  },
  {
    name: "extra-file",
    role: "client",
    case: "handshake",
    reason: /^1 files were not asked for: surplus-\d+\.$/,
  },
  {
    name: "missing-file",
    role: "client",
    case: "transfer",
    bytes: 20_000,
    reason: /^1 of 3 files are missing/,
  },
  {
    name: "two-ciphers",
    role: "client",
    case: "chacha20",
    bytes: 20_000,
    reason: /offers the cipher suites (0x1303, 0x130[12]|0x130[12], 0x1303) in packets \d+/,
  },
  {
    name: "no-resumption",
    role: "client",
    case: "resumption",
    reason: /^Packet \d+ has a Certificate on the second connection: not resumed\.$/,
  },
  {
    name: "no-early-data",
    role: "client",
    case: "zerortt",
    reason: /^The client sent nothing in 0-RTT packets\.$/,
  },
  {
    name: "no-key-update",
    role: "client",
    case: "keyupdate",
    bytes: 50_000,
    reason: /^None of the client's \d+ 1-RTT packets has key phase 1 \(and 0 could not/,
  },
  {
    name: "reset-packet-number",
    role: "client",
    case: "retry",
    reason: /an Initial with a token, has packet number 0, expected more than 0/,
  },
  {
    name: "ignored-challenge",
    role: "client",
    case: "rebind-port",
    ...rebinding,
    reason: /has PATH_CHALLENGE [0-9a-f]{16}: never answered\.$/,
  },
  {
    name: "reused-id",
    role: "client",
    case: "connectionmigration",
    bytes: 100_000,
    control: "moves",
    reason: /its first on the path .* has the destination connection ID [0-9a-f]+ of a path before/,
  },
  {
    name: "retry",
    role: "server",
    case: "handshake",
    reason: /^Packet \d+ of the client's side is a Retry, expected none\.$/,
  },
  {
    name: "no-retry",
    role: "server",
    case: "retry",
    reason: /^The server sent no Retry\.$/,
  },
  {
    name: "no-limit",
    role: "server",
    case: "amplificationlimit",
    reason: /bytes that the server sent to an address not validated, from which it had 1[2-4]\d\d;/,
  },
  {
    name: "no-limit",
    role: "server",
    case: "rebind-port",
    ...rebinding,
    reason: /^Packet \d+ of the server's side, its first on the path .*, has no PATH_CHALLENGE\.$/,
  },
  {
    name: "version-1",
    role: "server",
    case: "v2",
    reason: /^The server's Initial packets have the versions 0x1, not 0x6b3343cf\.$/,
  },
  {
    name: "version-2",
    role: "server",
    case: "handshake",
    reason: /^The server's Initial packets have the versions .*0x6b3343cf, expected 0x1\.$/,
  },
  {
    name: "stream-limit",
    role: "server",
    case: "multiplexing",
    bytes: 32,
    reason:
      /^initial_max_streams_bidi of the server is 10\d\d in packet \d+, expected at most 1000/,
  },
  {
    name: "congestion-marks",
    role: "server",
    case: "ecn",
    reason: /^\d+ packets of the server are marked CE, the first is \d+ of its side, expected none/,
  },
];
