/** What `serve` takes: the shape of `Bun.serve`, and what is ours. */
import { resolve } from "node:path";
import { engineOptions } from "../cli/engine_options.ts";
import { configSchema } from "../config/schema.ts";
import { chooseWorkers, usableCpus } from "../config/workers.ts";
import type { EngineOptions } from "../native/addon.ts";
import type { AppRegistry } from "../transport/registry.ts";
import type { AppHandler } from "./app_handler.ts";
import type { TlsOptions } from "./tls.ts";

/** How connections behave on the network; what is left out is as in config.toml's [quic]. */
export interface TransportOptions {
  /** Milliseconds. Default 10,000. */
  handshakeTimeoutMs?: number;
  /**
   * Of QUIC (RFC 9369). "any" (default): what the client begins with; "v1": that alone; "v2": moves
   * clients that know version 2 to it.
   */
  version?: EngineOptions["version"];
  /** What a path's round trip is taken for before it is measured, milliseconds. Default 333. */
  initialRttMs?: number;
  /** Of datagrams sent. Default 1350. */
  maxUdpPayloadBytes?: number;
  /** Packets grow to what the path takes, at most `maxUdpPayloadBytes`. Default false. */
  pathMtuDiscovery?: boolean;
  /**
   * Packets are marked as ones that a congested network may mark in place of dropping them, where
   * path and client bear it (RFC 9000 §13.4). Default true.
   */
  ecn?: boolean;
  congestion?: EngineOptions["congestion"];
  /** Streams that a client may have open at a time, bidirectional. Default 256. */
  streamsBidi?: number;
  /** Default "under-load". */
  retry?: EngineOptions["retry"];
  /** 0-RTT: anybody may replay it (docs/zero_rtt.md). Default false. */
  earlyData?: boolean;
}

export interface ServeOptions extends AppHandler {
  /** UDP. 0: the kernel chooses. Default 4433. */
  port?: number;
  /** Numeric address or "localhost". Default "::", both families. */
  hostname?: string;
  /**
   * Other addresses of this machine, "192.0.2.7:4434" and "[2001:db8::7]:4434", that clients are
   * asked to go to once they are connected (RFC 9000 §9.6). Default: none.
   */
  preferredAddress?: { ipv4?: string; ipv6?: string };
  /** Default: the development certificate, self-signed and kept between starts. */
  tls?: TlsOptions;
  /** Protocols of one's own; HTTP/3 is added to them when there is a handler. */
  registry?: AppRegistry;
  /**
   * Module whose default export has `fetch`: what more than one thread needs, as functions cannot
   * cross.
   */
  app?: string;
  /** Bun Workers that each import `app`; 0 (default): this thread runs it. */
  appThreads?: number;
  /** Native threads; default: one per usable CPU, at least 2. */
  workers?: number;
  backend?: EngineOptions["backend"];
  /** Default "auto": eBPF where it is allowed, else "forward". */
  routing?: "auto" | "ebpf" | "forward";
  /** Trains of datagrams in one send (UDP_SEGMENT). Default true. */
  gso?: boolean;
  transport?: TransportOptions;
  /** What the handler is offered as, in order of preference. Default ["h3"]. */
  alpn?: string[];
  /** Seconds without a packet until a connection ends. Default 30. */
  idleTimeout?: number;
  /** Bytes; default 128 MiB. */
  maxRequestBodySize?: number;
  /** What connections have left when the server stops, milliseconds. Default 30,000. */
  shutdownGraceMs?: number;
  /** Logs of what connections do, in a folder (docs/observability.md). Default: none. */
  qlog?: string | QlogOptions;
  /** File that TLS secrets are appended to, for Wireshark: whoever has it reads all traffic. */
  keylog?: string;
  /** SIGINT and SIGTERM stop the server gracefully. Default false. */
  signals?: boolean;
}

/** Which connections are logged, and how much of the disk that may take. */
export interface QlogOptions {
  /** Made where it is missing; for its owner alone. A file for each connection: `<id>.sqlog`. */
  directory: string;
  /** qlog's importance of events. Default "base". */
  level?: "core" | "base" | "extra";
  /** Every Nth connection of those that pass the filters; 0: only by `setQlog`. Default 1. */
  every?: number;
  /** Only of this protocol. Default: of any. */
  alpn?: string;
  /** Only of clients in this network, "192.0.2.0/24". Default: from anywhere. */
  peer?: string;
  /** Only those whose ID begins with these hex digits. Default: all. */
  id?: string;
  /** Bytes of one log at most; it then ends with a note. Default 16 MiB. */
  fileBytes?: number;
  /** Bytes of all logs in the folder at most; then none begins. Default 1 GiB. */
  directoryBytes?: number;
  /** Logs in the folder at most. Default 1000. */
  files?: number;
}

export const DEFAULT_REQUEST_BODY_BYTES = 128 * 1024 * 1024;
export const SHUTDOWN_GRACE_MS = 30_000;

function present<Value>(name: string, value: Value | undefined): Record<string, Value> {
  return value === undefined ? {} : { [name]: value };
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined || path === "" ? path : resolve(path);
}

function telemetryOf(qlog: ServeOptions["qlog"]): Record<string, unknown> {
  const options = typeof qlog === "string" ? { directory: qlog } : qlog;
  return {
    ...present("qlog", absolute(options?.directory)),
    ...present("qlog_level", options?.level),
    ...present("qlog_every", options?.every),
    ...present("qlog_alpn", options?.alpn),
    ...present("qlog_peer", options?.peer),
    ...present("qlog_id", options?.id),
    ...present("qlog_file_bytes", options?.fileBytes),
    ...present("qlog_directory_bytes", options?.directoryBytes),
    ...present("qlog_files", options?.files),
  };
}

function quicOf({ idleTimeout, transport = {} }: ServeOptions): Record<string, unknown> {
  const idleMs = idleTimeout === undefined ? undefined : Math.round(idleTimeout * 1000);
  return {
    ...present("idle_timeout_ms", idleMs),
    ...present("handshake_timeout_ms", transport.handshakeTimeoutMs),
    ...present("initial_rtt_ms", transport.initialRttMs),
    ...present("version", transport.version),
    ...present("max_udp_payload_bytes", transport.maxUdpPayloadBytes),
    ...present("path_mtu_discovery", transport.pathMtuDiscovery),
    ...present("ecn", transport.ecn),
    ...present("congestion", transport.congestion),
    ...present("streams_bidi", transport.streamsBidi),
    ...present("retry", transport.retry),
    ...present("early_data", transport.earlyData),
  };
}

/** @throws ZodError naming the option that is out of range. */
export function engineOptionsOf(
  options: ServeOptions,
  certificate: { certificatePem: string; privateKeyPem: string },
): Omit<EngineOptions, "alpn"> {
  const { port, hostname, workers, backend, routing } = options;
  const config = configSchema.parse({
    netio: {
      ...present("host", hostname),
      ...present("port", port),
      ...present("preferred_ipv4", options.preferredAddress?.ipv4),
      ...present("preferred_ipv6", options.preferredAddress?.ipv6),
      ...present("workers", workers),
      ...present("backend", backend),
      ...present("routing", routing),
      ...present("gso", options.gso),
    },
    quic: quicOf(options),
    apps: present("threads", options.appThreads),
    tls: {
      ...present("keylog", absolute(options.keylog)),
      ...present("ciphers", options.tls?.ciphers),
    },
    telemetry: telemetryOf(options.qlog),
  });
  const chosen = chooseWorkers(config.netio, usableCpus());
  return engineOptions(config, {
    ...chosen,
    certificate,
    secret: null,
    ticketKeys: null,
    alpns: [],
  });
}
