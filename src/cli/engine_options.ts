/** From the configuration to what the native engine is started with: every field, once. */

import { parseAddressPrefix } from "../config/value.ts";
import type { Config } from "../config.ts";
import type { EngineOptions } from "../native/addon.ts";
import type { PemPair } from "../tls/self_signed.ts";
import { earlyContext } from "./early_context.ts";

/** What the configuration leaves open or names by a file. */
export interface Resolved {
  workers: number;
  pin: boolean;
  certificate: PemPair;
  secret: Uint8Array | null;
  /** Of session tickets, 48 bytes each; null: from the secret. */
  ticketKeys: Uint8Array | null;
  /** In order of preference. */
  alpns: readonly string[];
}

export function engineOptions(config: Config, resolved: Resolved): EngineOptions {
  const { netio, quic, tls, apps, telemetry, limits } = config;
  const peer = parseAddressPrefix(telemetry.qlog_peer) ?? { address: "", bits: 0 };
  return {
    role: "server",
    /* The engine takes addresses; the name means this machine, and IPv4 is there everywhere. */
    host: netio.host === "localhost" ? "127.0.0.1" : netio.host,
    port: netio.port,
    preferredIpv4: netio.preferred_ipv4,
    preferredIpv6: netio.preferred_ipv6,
    workers: resolved.workers,
    apps: Math.max(1, apps.threads),
    pin: resolved.pin,
    backend: netio.backend,
    routing: netio.routing,
    forwarding: true,
    gro: netio.gro,
    gso: netio.gso,
    receivePoolBytes: netio.rx_pool_bytes,
    socketBufferBytes: netio.socket_buffer_bytes,
    certificatePem: resolved.certificate.certificatePem,
    privateKeyPem: resolved.certificate.privateKeyPem,
    alpn: [...resolved.alpns],
    secret: resolved.secret,
    ticketKeys: resolved.ticketKeys,
    earlyContext: earlyContext(),
    keylogPath: tls.keylog,
    qlogDirectory: telemetry.qlog,
    qlogLevel: telemetry.qlog_level,
    qlogEvery: telemetry.qlog_every,
    qlogFileBytes: telemetry.qlog_file_bytes,
    qlogDirectoryBytes: telemetry.qlog_directory_bytes,
    qlogFiles: telemetry.qlog_files,
    qlogAlpn: telemetry.qlog_alpn,
    qlogPeer: peer.address,
    qlogPeerBits: peer.bits,
    qlogId: telemetry.qlog_id,
    maxIdleTimeoutMs: quic.idle_timeout_ms,
    handshakeTimeoutMs: quic.handshake_timeout_ms,
    initialRttMs: quic.initial_rtt_ms,
    version: quic.version,
    ciphers: tls.ciphers,
    maxUdpPayloadBytes: quic.max_udp_payload_bytes,
    connectionWindowBytes: quic.connection_window_bytes,
    streamWindowBytes: quic.stream_window_bytes,
    streamsBidi: quic.streams_bidi,
    streamsUni: quic.streams_uni,
    activeConnectionIdLimit: quic.cid_limit,
    datagramQueue: limits.datagram_queue,
    congestion: quic.congestion,
    pacing: quic.pacing,
    pathMtuDiscovery: quic.path_mtu_discovery,
    ecn: quic.ecn,
    earlyData: quic.early_data,
    retry: quic.retry,
    connections: limits.connections,
    prefixRetry: limits.prefix_retry,
    prefixMax: limits.prefix_max,
    handshakeRate: limits.handshake_rate,
    ringCapacity: limits.ring_capacity,
    streamChunks: limits.stream_chunks,
    connectionEvents: limits.connection_events,
    workerMemoryBytes: limits.worker_memory_bytes,
    connectionMemoryBytes: limits.connection_memory_bytes,
  };
}
