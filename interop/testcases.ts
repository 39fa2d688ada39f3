/**
 * What our endpoint does for each TESTCASE of the QUIC Interop Runner, in both roles. A role that
 * is left out of a row, and a TESTCASE that has none, is answered with exit code 127, which means
 * "unsupported".
 */

/** How a client spreads its URLs over connections. */
export type Connections =
  /** All of them at the same time on one. */
  | "one"
  /** The first URL, then the rest on a second one that resumes the first one's session. */
  | "resumed"
  /** A new one for each URL, one after the other. */
  | "each";

export interface ClientPlan {
  alpn: "hq-interop" | "h3";
  connections: Connections;
  /** The requests of the second connection leave as 0-RTT. */
  early: boolean;
  /** All that is offered; null: TLS's own choice. */
  cipher: "TLS_CHACHA20_POLY1305_SHA256" | null;
  /** A third of all packets is lost or damaged: ask again soon, and do not give up. */
  patient: boolean;
  /** New keys (RFC 9001 §6) as soon as the first bytes are there. */
  updateKeys: boolean;
  /** Of QUIC: "v2" begins with version 1 and would rather have version 2 (RFC 9368, RFC 9369). */
  version: "any" | "v2";
}

export interface ServerPlan {
  alpn: "hq-interop" | "h3";
  retry: "always" | "never";
  /** 0-RTT is taken. */
  early: boolean;
  patient: boolean;
  /** Of QUIC: "v2" moves its clients to version 2 (RFC 9368, RFC 9369). */
  version: "any" | "v2";
  /** It asks clients to go to another port of its own (RFC 9000 §9.6). */
  prefers: boolean;
}

export interface Testcase {
  client?: ClientPlan;
  server?: ServerPlan;
}

const client: ClientPlan = {
  ...{ alpn: "hq-interop", connections: "one", early: false, cipher: null, patient: false },
  ...{ updateKeys: false, version: "any" },
};
const server: ServerPlan = {
  ...{ alpn: "hq-interop", retry: "never", early: false, patient: false, version: "any" },
  prefers: false,
};

const TESTCASES: Readonly<Record<string, Testcase>> = {
  handshake: { client, server },
  transfer: { client, server },
  chacha20: { client: { ...client, cipher: "TLS_CHACHA20_POLY1305_SHA256" }, server },
  // Its server is asked for "transfer".
  keyupdate: { client: { ...client, updateKeys: true } },
  retry: { client, server: { ...server, retry: "always" } },
  // Both mark what they send anyway.
  ecn: { client, server },
  resumption: { client: { ...client, connections: "resumed" }, server },
  zerortt: {
    client: { ...client, connections: "resumed", early: true },
    server: { ...server, early: true },
  },
  v2: { client: { ...client, version: "v2" }, server: { ...server, version: "v2" } },
  http3: { client: { ...client, alpn: "h3" }, server: { ...server, alpn: "h3" } },
  // Its client is asked for "transfer".
  connectionmigration: { server: { ...server, prefers: true } },
  multiconnect: {
    client: { ...client, connections: "each", patient: true },
    server: { ...server, patient: true },
  },
};

/** What `role` does for `name`; null: it does not support that. */
export function planOf(role: "client", name: string): ClientPlan | null;
export function planOf(role: "server", name: string): ServerPlan | null;
export function planOf(role: "client" | "server", name: string): ClientPlan | ServerPlan | null;
export function planOf(role: "client" | "server", name: string): ClientPlan | ServerPlan | null {
  return Object.hasOwn(TESTCASES, name) ? (TESTCASES[name]?.[role] ?? null) : null;
}

/** Every TESTCASE that `role` supports. */
export function supportedBy(role: "client" | "server"): string[] {
  return Object.keys(TESTCASES).filter((name) => planOf(role, name) !== null);
}
