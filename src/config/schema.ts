/**
 * Every option, its range and its default: the one list of them. config.toml shows the same ones
 * with the reasons.
 *
 * Names end in their unit. An option is here only if something obeys it.
 */
import { z } from "zod";
import {
  address,
  addressPrefix,
  choice,
  endpoint,
  fileName,
  filePath,
  flag,
  flagOrAuto,
  hexPrefix,
  integer,
  integerOrAuto,
  listOf,
  powerOfTwo,
  shortText,
} from "./value.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** native/limits.h: QUICD_WORKERS_MAX, QUICD_APPS_MAX. */
const WORKERS_MAX = 64;
const APP_THREADS_MAX = 64;

/** ALPN names (RFC 7301) of the applications that come with the server. */
const PROTOCOLS = ["h3", "h3-29", "hq-interop", "echo"] as const;

/** Of TLS 1.3 (RFC 8446 §B.4). */
export const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
] as const;

const netio = z.strictObject({
  host: address().default("::"),
  port: integer(0, 65535, "(0: the kernel chooses)").default(4433),
  preferred_ipv4: endpoint(4).default(""),
  preferred_ipv6: endpoint(6).default(""),
  workers: integerOrAuto(1, WORKERS_MAX, "one per usable CPU, at least 2").default("auto"),
  pin: flagOrAuto("when there are no more workers than CPUs").default("auto"),
  /* The last three are for measuring (bench/benches/routing.ts). */
  routing: choice(["auto", "ebpf", "forward", "wrong", "single", "random"]).default("auto"),
  backend: choice(["auto", "io_uring", "syscalls"]).default("auto"),
  gro: flag().default(true),
  gso: flag().default(true),
  rx_pool_bytes: integer(MIB, GIB, "bytes").default(16 * MIB),
  socket_buffer_bytes: integer(64 * KIB, GIB, "bytes").default(4 * MIB),
});

const quic = z.strictObject({
  idle_timeout_ms: integer(100, 3_600_000, "milliseconds").default(30_000),
  handshake_timeout_ms: integer(100, 300_000, "milliseconds").default(10_000),
  initial_rtt_ms: integer(1, 60_000, "milliseconds").default(333),
  version: choice(["any", "v1", "v2"]).default("any"),
  max_udp_payload_bytes: integer(1200, 65_507, "bytes").default(1350),
  connection_window_bytes: integer(64 * KIB, GIB, "bytes").default(4 * MIB),
  stream_window_bytes: integer(16 * KIB, GIB, "bytes").default(MIB),
  streams_bidi: integer(1, 65_536, "streams").default(256),
  streams_uni: integer(3, 65_536, "streams (HTTP/3 needs 3, RFC 9114 §6.2)").default(16),
  cid_limit: integer(2, 16, "connection IDs (RFC 9000 §18.2)").default(8),
  congestion: choice(["cubic", "reno", "bbr2"]).default("cubic"),
  pacing: flag().default(true),
  path_mtu_discovery: flag().default(false),
  ecn: flag().default(true),
  early_data: flag().default(false),
  retry: choice(["never", "always", "under-load"]).default("under-load"),
});

const tls = z.strictObject({
  cert: filePath("a PEM file with the certificate chain").default(""),
  key: filePath("a PEM file with the certificate's private key").default(""),
  secret_file: filePath("a file of 32 random bytes, or of 64 hex digits").default(""),
  ticket_keys_file: filePath("a file of keys of 48 bytes, or of 96 hex digits a line").default(""),
  ciphers: listOf(CIPHERS, 0).default([]),
  keylog: filePath("the file that key log lines are appended to").default(""),
});

const apps = z.strictObject({
  alpn: listOf(PROTOCOLS).default([...PROTOCOLS]),
  threads: integer(0, APP_THREADS_MAX, "threads (0: the main thread)").default(0),
  shutdown_grace_ms: integer(0, 3_600_000, "milliseconds").default(30_000),
});

const http = z.strictObject({
  root: filePath("the folder to serve").default(""),
  index: fileName().default("index.html"),
  log: flag().default(true),
  max_body_bytes: integer(0, 64 * GIB, "bytes").default(128 * MIB),
});

const telemetry = z.strictObject({
  qlog: filePath("the folder that qlogs are written to").default(""),
  qlog_level: choice(["core", "base", "extra"]).default("base"),
  qlog_every: integer(0, 1_000_000, "(0: only connections that code asks for)").default(1),
  qlog_alpn: shortText("the name of a protocol (ALPN)", 254).default(""),
  qlog_peer: addressPrefix().default(""),
  qlog_id: hexPrefix(32).default(""),
  qlog_file_bytes: integer(64 * KIB, 64 * GIB, "bytes").default(16 * MIB),
  qlog_directory_bytes: integer(64 * KIB, 1024 * GIB, "bytes").default(GIB),
  qlog_files: integer(1, 1_000_000, "files").default(1000),
  control: flag().default(true),
  control_path: filePath("the socket that quicd why asks at").default(""),
});

const limits = z.strictObject({
  connections: integer(1, 1_000_000, "connections per worker").default(4096),
  prefix_retry: integer(0, 1_000_000, "connections (0: derived)").default(0),
  prefix_max: integer(0, 1_000_000, "connections (0: derived)").default(0),
  handshake_rate: integer(0, 1_000_000, "handshakes a second (0: derived)").default(0),
  /* 24 MiB of chunks, 84 MiB that waits to be sent, and 4096 connections of some 60 KiB fit. */
  worker_memory_bytes: integer(0, 1024 * GIB, "bytes (0: no budget)").default(GIB),
  /* A whole connection window, twice: unread and unsent. */
  connection_memory_bytes: integer(0, 1024 * GIB, "bytes (0: no budget)").default(16 * MIB),
  ring_capacity: powerOfTwo(1024, 65_536).default(8192),
  connection_events: integer(16, 8192, "events").default(1024),
  stream_chunks: integer(2, 4096, "chunks").default(256),
  datagram_queue: integer(0, 65_536, "datagrams (0: no datagrams)").default(256),
});

export const sections = { netio, quic, tls, apps, http, telemetry, limits };

/** What is said when the name holds a value of its own. */
function section(name: string) {
  return { error: `is a section: write [${name}] on a line of its own, its options below` };
}

/** Parses a whole configuration; what is left out gets its default. */
export const configSchema = z.strictObject({
  netio: z.strictObject(netio.shape, section("netio")).prefault({}),
  quic: z.strictObject(quic.shape, section("quic")).prefault({}),
  tls: z.strictObject(tls.shape, section("tls")).prefault({}),
  apps: z.strictObject(apps.shape, section("apps")).prefault({}),
  http: z.strictObject(http.shape, section("http")).prefault({}),
  telemetry: z.strictObject(telemetry.shape, section("telemetry")).prefault({}),
  limits: z.strictObject(limits.shape, section("limits")).prefault({}),
});

/** A complete configuration. Paths are absolute, or "" where none was given. */
export type Config = z.infer<typeof configSchema>;

/** Names of all options of a section, or null for no section's name. */
export function optionsOf(section: string): Map<string, z.ZodType> | null {
  const found = Object.entries(sections).find(([name]) => name === section);
  return found === undefined ? null : new Map(Object.entries(found[1].shape));
}

/** Options that hold paths: relative ones start at the file they were written in. */
export const PATHS: readonly (readonly [section: string, option: string])[] = [
  ["tls", "cert"],
  ["tls", "key"],
  ["tls", "secret_file"],
  ["tls", "ticket_keys_file"],
  ["tls", "keylog"],
  ["http", "root"],
  ["telemetry", "qlog"],
  ["telemetry", "control_path"],
];
