/**
 * What an application protocol sees of the transport: all of it. Applications import this folder's
 * types and `src/wire`, never `src/native`.
 */
import type { ChunkView } from "./chunk";
import type { ErrorCode } from "./error_code";
import type { ReceiveStream, SendStream, StreamSink, TransportStream } from "./stream";

/** Correlates a command with its answer; unique per connection until it wraps. */
export type RequestId = number;

export interface SocketAddress {
  family: 4 | 6;
  address: string;
  port: number;
}

/** Why a connection ended (RFC 9000 §10). */
export interface CloseInfo {
  /**
   * Whose decision it was; "timeout": nobody's, the idle or handshake timer ran out; "reset": the
   * peer has forgotten the connection, as after a restart (RFC 9000 §10.3).
   */
  by: "local" | "peer" | "timeout" | "reset";
  /**
   * True for an application's CONNECTION_CLOSE (0x1d): `code` is the application protocol's; else
   * RFC 9000 §20.1.
   */
  application: boolean;
  code: ErrorCode;
  reason: string;
}

/**
 * Numbers of one connection since it began. What is counted here (bytes and packets received and
 * sent, as UDP sees them, and rebindings) is up to date; the rest is what the worker noted `ageMs`
 * after the beginning: it does so in every turn in which the connection sends and 50 ms have passed
 * since the last time, at every timer, when it closes, and soon after each call of `stats()`.
 */
export interface ConnectionStats {
  /** UDP payload. */
  receivedBytes: number;
  sentBytes: number;
  /** Datagrams of UDP. */
  receivedPackets: number;
  sentPackets: number;
  /** Of the peer's address, RFC 9000 §9.3.3. */
  rebindings: number;
  /** How old the connection was when the following was noted, milliseconds. */
  ageMs: number;
  /** Smoothed (RFC 9002 §5.3), and of the active path, as all that belongs to paths. */
  roundTripUs: number;
  /** RFC 9002 §5.2; 0: none measured yet. */
  minimumRoundTripUs: number;
  roundTripVariationUs: number;
  congestionWindowBytes: number;
  /** Sent, neither acknowledged nor lost. */
  bytesInFlight: number;
  /** Bytes per second, estimated from acknowledgements. */
  deliveryRate: number;
  acknowledgedBytes: number;
  /** Of QUIC, not of UDP: a datagram may hold several. */
  lostPackets: number;
  lostBytes: number;
  retransmittedPackets: number;
  /** Of streams. */
  retransmittedBytes: number;
  /** RFC 9002 §6.2. */
  probeTimeouts: number;
  /** UDP payload of the largest datagram that is sent. */
  pathMtuBytes: number;
  paths: number;
  openStreams: number;
  /** Written by the application, waiting in the worker. */
  queuedBytes: number;
  /** DATAGRAM frames, RFC 9221. */
  datagramsReceived: number;
  datagramsSent: number;
  /** Of those sent: in lost packets; they are not repeated. */
  datagramsLost: number;
  /** Of those received: dropped, oldest first, since the application took none. */
  droppedDatagrams: number;
  /** Of the keys that protect packets, whoever initiated them (RFC 9001 §6). */
  keyUpdates: number;
  /** Whether the path in use bears the marks of congestion (RFC 9000 §13.4.2). */
  ecn: EcnState;
  /** Sent with a mark that says: mark on, in place of dropping it. */
  ecnSentPackets: number;
  /** Of them, as the peer counts: those that the network marked as it was congested. */
  ecnCongestedPackets: number;
}

/**
 * RFC 9000 §A.4. "testing": the first packets are marked; "unknown": enough are, and none of them
 * is acknowledged yet; "capable": all are marked; "failed": marks do not come through, or the peer
 * does not count them as it should; "off": not tried.
 */
export type EcnState = "off" | "testing" | "unknown" | "capable" | "failed";

/**
 * What became of a datagram: "sent" in a packet, which may still get lost; "dropped" as the oldest
 * of a full queue; "too-large" or "unsupported" by the time it was to be sent; "closed" with its
 * connection.
 */
export type DatagramOutcome = "sent" | "dropped" | "too-large" | "unsupported" | "closed";

/** Events of one connection, in order, for {@link QuicAppFactory.spawnApp}. */
export type AppEvent =
  /** The first one. `early`: application data flows, as 0-RTT; the handshake still runs. */
  | {
      type: "HandshakeCompleted";
      alpn: string;
      local: SocketAddress;
      peer: SocketAddress;
      early: boolean;
    }
  /** After a HandshakeCompleted that was early: nothing that comes from here on is a replay. */
  | { type: "HandshakeConfirmed" }
  /** `early`: its first bytes came as 0-RTT, so they may be a replay (RFC 9001 §9.2). */
  | {
      type: "NewStream";
      id: number;
      bidirectional: boolean;
      early: boolean;
      receive: ReceiveStream;
      send: SendStream | null;
    }
  | {
      type: "StreamOpened";
      requestId: RequestId;
      id: number;
      receive: ReceiveStream | null;
      send: SendStream;
    }
  | { type: "OpenRefused"; requestId: RequestId; reason: "limit" | "closed" }
  | { type: "StreamReset"; id: number; code: ErrorCode }
  | { type: "StreamStopped"; id: number; code: ErrorCode }
  /** `chunk` is owned by the receiver of the event: release it. */
  | { type: "Datagram"; chunk: import("./chunk").Chunk }
  /** Answers a sendDatagram with `report`, once. */
  | { type: "DatagramOutcome"; requestId: RequestId; outcome: DatagramOutcome }
  | { type: "PathChanged"; local: SocketAddress; peer: SocketAddress }
  | { type: "ConnectionClosing"; info: CloseInfo };

/**
 * One QUIC connection. Every method is non-blocking and safe to call after the end: it then does
 * nothing.
 */
export interface ConnectionHandle {
  /** 32 hex digits, drawn at accept, stable; in logs and qlog, never on the wire. */
  readonly connectionId: string;
  readonly alpn: string;
  /** SNI (RFC 6066 §3), or "". */
  readonly serverName: string;
  readonly peerAddress: SocketAddress;
  readonly localAddress: SocketAddress;
  /** True until the connection starts to close. */
  readonly open: boolean;
  /**
   * True while application data flows as 0-RTT, before the handshake is complete: on a server what
   * comes may be a replay (RFC 9001 §9.2), and comes only with `early_data`.
   */
  readonly early: boolean;
  /**
   * The peer understands a reset that delivers the beginning of its stream
   * ({@link SendStream.reset}). Known when the handshake is complete.
   */
  readonly reliableReset: boolean;
  /** Of QUIC (RFC 9369). Final when the handshake is complete. */
  readonly version: 1 | 2;
  stats(): ConnectionStats;
  /**
   * Answered by StreamOpened or OpenRefused with the same id. "channel-full": nothing was queued.
   */
  openBi(): RequestId | "channel-full";
  openUni(): RequestId | "channel-full";
  openBidirectional(): Promise<{ send: SendStream; receive: ReceiveStream }>;
  openUnidirectional(): Promise<SendStream>;
  /**
   * RFC 9221: fire and forget. Instead of a request id: why it was not even queued. Later it can be
   * dropped by the bounded queue, oldest first; with `report` its fate is told by a DatagramOutcome
   * of the same id.
   */
  sendDatagram(
    bytes: Uint8Array | ChunkView,
    options?: { report?: boolean },
  ): RequestId | "channel-full" | "too-large" | "unsupported";
  /**
   * The same as a promise, which is never rejected. A full channel is "dropped": datagrams do not
   * wait.
   */
  sendDatagramReported(bytes: Uint8Array | ChunkView): Promise<DatagramOutcome>;
  /** Largest datagram payload now, bytes; 0 if the peer takes none. */
  readonly datagramMaxBytes: number;
  /** Application close (0x1d) unless `application` is false. Streams end at once. */
  close(code: ErrorCode, reason?: string, application?: boolean): void;
  /**
   * The same with an application's code, once the peer has acknowledged all that was written and
   * has had a moment to read it, or acknowledges nothing for 2 s: a close ends streams at once, and
   * what is still on its way would be cut. Nothing can be written from here.
   */
  closeWhenDelivered(code: ErrorCode, reason?: string): void;
  /**
   * Protects packets with new keys as soon as RFC 9001 §6.1 allows it: once the handshake is
   * confirmed and an earlier update done. `stats().keyUpdates` counts; nothing needs it, since keys
   * are also updated long before they wear out (§6.6).
   */
  updateKeys(): void;
}

/** A connection that we opened: what a client has beside {@link ConnectionHandle}. */
export interface QuicConnection extends ConnectionHandle, AsyncDisposable {
  /**
   * What happens on it, in order, for one reader; it has an end. Empty where an application serves
   * the connection.
   */
  readonly events: AsyncIterable<AppEvent>;
  /** Resumed from the session it was given (RFC 8446 §2.2). */
  readonly resumed: boolean;
  /**
   * Resolves with the handshake; `earlyAccepted`: the server took what was sent as 0-RTT, else it
   * is sent once more by the transport. Rejects with ConnectionError when it fails.
   */
  readonly handshakeCompleted: Promise<{ earlyAccepted: boolean }>;
  /** Sessions to resume from, newest last, at most 4: opaque, each good for one connection. */
  readonly sessions: readonly Uint8Array[];
  /** Resolves when it starts to close, whoever closes it. Never rejects. */
  readonly closed: Promise<CloseInfo>;
  /**
   * Goes on from another local port (RFC 9000 §9.2). Resolves once the new path is validated. Asked
   * right after `connect()` it waits for the handshake and up to 2 s for the server to offer a
   * connection ID for the new path. Rejects with ConnectionError when the server forbids it, when
   * no ID comes, when an earlier one still runs, or when the new path does not answer: the old one
   * then stays.
   */
  migrate(): Promise<void>;
  close(code?: ErrorCode, reason?: string, application?: boolean): void;
}

/** What the synchronous fast path gets to open streams of its own: the sink is attached at once. */
export interface SinkConnection extends ConnectionHandle {
  /**
   * Opens a stream; `attach` is called with it once the worker answered, and returns its sink; null
   * when the peer's limit or the connection's end refused it. Waits for ring room by itself.
   */
  openStream(
    bidirectional: boolean,
    attach: (stream: TransportStream | null) => StreamSink | null,
  ): void;
}

/**
 * The synchronous fast path: direct calls from the dispatcher, in event order, none of them nested.
 */
export interface ConnectionSink {
  /** The peer opened a stream; its first data follows at once. */
  onStream(stream: TransportStream): StreamSink;
  /** Borrowed for the call. */
  onDatagram(chunk: ChunkView): void;
  /** After a connection that began with 0-RTT: `early` is false from here. */
  onHandshakeDone?(): void;
  onPathChanged?(): void;
  /**
   * Shutdown was asked for (a signal, `server.stop()`): finish what runs, accept no more; close
   * when done.
   */
  onShutdown(): void;
  /** The connection ended; every open stream's sink got `onConnectionClosed` before. */
  onClosed(info: CloseInfo): void;
}

/** Tunes one connection. */
export interface TransportControls {
  /** Sends a PING when nothing else was sent for `intervalMs` (0: off). RFC 9000 §10.1.2. */
  setKeepAlive(intervalMs: number): void;
  /**
   * Begins or ends this connection's qlog, in the server's folder ([telemetry] qlog; without one
   * nothing happens), whatever its filter says. What came before is not in it.
   */
  setQlog(on: boolean): void;
}

/** Makes the application side of connections for the ALPNs it accepts. */
export interface QuicAppFactory {
  /**
   * Asserted at registration; the first of the client's list that is registered wins (RFC 7301
   * §3.2).
   */
  acceptsAlpn(alpn: string): boolean;
  /**
   * Serves one connection until `events` ends. A rejection closes that connection, nothing else.
   */
  spawnApp(
    alpn: string,
    handle: ConnectionHandle,
    events: AsyncIterable<AppEvent>,
    transport: TransportControls,
    shutdown: AbortSignal,
  ): Promise<void>;
  /** The synchronous fast path; when present it is used instead of spawnApp. */
  attach?(connection: SinkConnection, transport: TransportControls): ConnectionSink;
}
