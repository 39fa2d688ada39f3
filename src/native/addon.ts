/**
 * What the native module offers through N-API: lifecycle and doorbells (native/napi.c implements
 * exactly this). Hot calls go through bun:ffi on the same shared object (native/quicd.h).
 *
 * Pointers are plain numbers (addresses below 2^53); {@link toArrayBuffer} makes views of them. The
 * memory stays mapped until the process ends, so a view never dangles.
 */

/** Of TLS 1.3 (RFC 8446 §B.4), those that TLS here can. */
export type CipherSuite =
  | "TLS_AES_128_GCM_SHA256"
  | "TLS_AES_256_GCM_SHA384"
  | "TLS_CHACHA20_POLY1305_SHA256";

export interface EngineOptions {
  /**
   * A client opens connections by the CONNECT command and accepts none: its port is 0, and
   * certificate, key and ALPNs are those of a profile (see {@link Addon.addProfile}).
   */
  role: "server" | "client";
  /** "::" is dual stack; an IPv4 address opens IPv4 only. */
  host: string;
  /** 0: the kernel chooses, once, for all workers. */
  port: number;
  workers: number;
  /** App threads that may attach, at least 1. */
  apps: number;
  pin: boolean;
  backend: "auto" | "io_uring" | "syscalls";
  /** The last three are for measuring; see enum quicd_routing in native/options.h. */
  routing: "auto" | "ebpf" | "forward" | "wrong" | "single" | "random";
  /** Where a server's clients are asked to go, address and port (RFC 9000 §9.6); "": nowhere. */
  preferredIpv4: string;
  preferredIpv6: string;
  /** False in tests only: what reaches the wrong worker is lost, and counted. */
  forwarding: boolean;
  gro: boolean;
  gso: boolean;
  /** Receive pool per worker. */
  receivePoolBytes: number;
  /** SO_RCVBUF and SO_SNDBUF asked for. */
  socketBufferBytes: number;
  certificatePem: string;
  privateKeyPem: string;
  alpn: string[];
  /** 32 bytes that every key is derived from; null: drawn now. */
  secret: Uint8Array | null;
  /** Keys of session tickets, 48 bytes each, the first one seals; null: from the secret. */
  ticketKeys: Uint8Array | null;
  /** 32 bytes: sessions made under others bring no early data. */
  earlyContext: Uint8Array | null;
  /** Path of an SSLKEYLOGFILE to append to, or "". */
  keylogPath: string;
  /** Directory of qlogs, or "": none. */
  qlogDirectory: string;
  qlogLevel: "core" | "base" | "extra";
  /** Every Nth of the connections that pass the filter; 0: only on demand. */
  qlogEvery: number;
  /** Bytes that one log may have, and all in the directory; logs that the directory may have. */
  qlogFileBytes: number;
  qlogDirectoryBytes: number;
  qlogFiles: number;
  /** Filter; "": any. */
  qlogAlpn: string;
  /** An address, of which the first `qlogPeerBits` bits count; "": any. */
  qlogPeer: string;
  qlogPeerBits: number;
  /** The hex digits that the connection's ID begins with. */
  qlogId: string;
  maxIdleTimeoutMs: number;
  handshakeTimeoutMs: number;
  /** What the round trip of a path is taken for before it is measured. */
  initialRttMs: number;
  /** Of QUIC (RFC 9369): what clients begin with, "v1" alone, or "v2" with all who know it. */
  version: "any" | "v1" | "v2";
  /** TLS 1.3's, most wanted first, all that are taken; []: any. Of a client: its profile's. */
  ciphers: CipherSuite[];
  maxUdpPayloadBytes: number;
  connectionWindowBytes: number;
  streamWindowBytes: number;
  streamsBidi: number;
  streamsUni: number;
  activeConnectionIdLimit: number;
  /** Datagrams that may wait per connection and direction; 0: extension off. */
  datagramQueue: number;
  congestion: "cubic" | "reno" | "bbr2";
  /** Only BBR2 is ever paced. */
  pacing: boolean;
  pathMtuDiscovery: boolean;
  /** Marks what is sent where path and peer bear it (RFC 9000 §13.4). */
  ecn: boolean;
  earlyData: boolean;
  /** Whether clients prove their address first (RFC 9000 §8.1.2). */
  retry: "never" | "always" | "under-load";
  /** Connections per worker. */
  connections: number;
  /** The load rule of native/limits.h; 0: as derived there. */
  prefixRetry: number;
  prefixMax: number;
  handshakeRate: number;
  /** Entries per event and command ring, a power of two. */
  ringCapacity: number;
  /** Chunks per stream that may wait for the application. */
  streamChunks: number;
  /** Undelivered events per connection. */
  connectionEvents: number;
  /** Of one worker, and of one connection; 0: no budget. */
  workerMemoryBytes: number;
  connectionMemoryBytes: number;
}

/** What connections of a client share; TLS and transport parameters. */
export interface ProfileOptions {
  /** Most wanted first; 1 to 32 names. */
  alpn: string[];
  /** Certificates to trust, or "": the system's store. */
  caPem: string;
  /** Whether the server's certificate is verified, against its name or address. */
  verify: boolean;
  /** The client's own certificate, chain leaf first, and its key; or "". */
  certificatePem: string;
  privateKeyPem: string;
  /** Sessions are used for 0-RTT where CONNECT asks for it. */
  earlyData: boolean;
  congestion: "cubic" | "reno" | "bbr2";
  /** Of QUIC (RFC 9369): "v1" alone, or the server's choice; begun with "v1" but for the last. */
  version: "any" | "v1" | "v2" | "v2-first";
  /** All that are offered, most wanted first; []: TLS's own choice. */
  ciphers: CipherSuite[];
  /** As in {@link EngineOptions}, which counts where they are left out. */
  maxIdleTimeoutMs?: number;
  initialRttMs?: number;
  connectionWindowBytes?: number;
  streamWindowBytes?: number;
  streamsBidi?: number;
  streamsUni?: number;
}

export interface WorkerView {
  slab: number;
  smallCount: number;
  largeCount: number;
  /** struct quicd_connection_view[connectionCapacity] */
  connections: number;
  connectionCapacity: number;
  /** struct quicd_stream_view[streamCapacity] */
  streams: number;
  streamCapacity: number;
  /** struct quicd_counters */
  counters: number;
  /** What the kernel granted. */
  receiveBufferBytes: number;
  sendBufferBytes: number;
  /** CPU it is pinned to, or -1. */
  cpu: number;
  threadId: number;
}

export interface AppView {
  /** struct quicd_app_view */
  view: number;
  slab: number;
  smallCount: number;
  largeCount: number;
  /** One per worker: struct quicd_event[capacity], and the one struct quicd_command to fill in. */
  rings: { events: number; command: number; capacity: number }[];
}

export interface EngineView {
  engine: number;
  port: number;
  backend: "io_uring" | "syscalls";
  /** Why another backend than the first choice was taken, or "". */
  backendNote: string;
  routing: "ebpf" | "forward" | "wrong" | "single" | "random";
  /** Why not eBPF although it was the first choice, or "". */
  routingNote: string;
  /** Why CAP_BPF could not be dropped after its use, or "". */
  privilegeNote: string;
  gro: boolean;
  gso: boolean;
  workers: WorkerView[];
  apps: AppView[];
}

/** What the steering program did since the start; trains made by GRO or GSO count once. */
export interface SteeringCounters {
  /** To the worker that the connection ID names. */
  decoded: number;
  /** By the hash of addresses: Initial and 0-RTT packets, other versions. */
  hashed: number;
  /** By that hash: the connection ID is not one of this server's. */
  foreign: number;
  /** By that hash: too short for a connection ID. */
  short: number;
  /** By that hash: the worker that the connection ID names has no socket. */
  miss: number;
  /** Of the kernel, 0 unless sysctl kernel.bpf_stats_enabled is 1: runs, and their time. */
  runs: number;
  runNs: number;
}

/** "fixed": off, whatever is asked for. */
export type Offload = "on" | "off" | "fixed" | "unknown";

/** A network device that is up. */
export interface DeviceProbe {
  name: string;
  /** "" when it has none. */
  driver: string;
  loopback: boolean;
  /** tx-udp-segmentation: takes trains whole. */
  segmentation: Offload;
  /** generic-receive-offload: makes trains of what arrives. */
  gro: Offload;
  /** Of sent datagrams; the weaker of IPv4 and IPv6. */
  checksum: Offload;
}

/** What was tried out on this machine, for `quicd doctor`. */
export interface MachineProbe {
  /** Cause and remedy, or "" when it may be used. */
  uringRefusal: string;
  steeringRefusal: string;
  socket: {
    /** "" when it could be opened. */
    error: string;
    gro: boolean;
    gso: boolean;
    /** What the kernel granted. */
    receiveBufferBytes: number;
    sendBufferBytes: number;
  };
  /** The errno of binding the port without sharing it, or 0. */
  portError: number;
  devices: DeviceProbe[];
  /** Beyond the first 64. */
  devicesLeftOut: number;
}

export interface NativeMemory {
  /** Bytes and objects that the native side holds now: quiche, TLS and our own, all threads. */
  liveBytes: number;
  liveObjects: number;
  /** Allocations since the start. */
  allocations: number;
  /** Of them: by our C code, not by quiche or TLS. None in steady state. */
  ownAllocations: number;
}

export interface Addon {
  /** Opens sockets and starts the workers. Throws an Error that names the cause and the remedy. */
  start(options: EngineOptions): EngineView;
  /**
   * Of a client: the number of a profile for the CONNECT command; equal ones have the same number,
   * and an engine keeps up to 256. Throws an Error with cause and remedy when a text or a value is
   * refused.
   */
  addProfile(engine: number, options: ProfileOptions): number;
  /** The same view, from another JavaScript thread. */
  view(engine: number): EngineView;
  /**
   * Makes the calling JavaScript thread app thread `app` of the engine; `bell` is called on it when
   * events wait. Returns the handle for bun:ffi. The attachment keeps the event loop alive until
   * detach. When the thread ends (or is terminated) it is detached by the environment's cleanup
   * hook: workers then close its connections (CONNECTION_CLOSE 0x1c, INTERNAL_ERROR, RFC 9000
   * §20.1) and take back its leases. Throws if `app` is taken: it is "not yet" while
   * workers still clean up after the last thread, then `null` is returned and one tries again
   * later.
   */
  attach(engine: number, app: number, bell: () => void): number | null;
  detach(handle: number): void;
  /** Whether the attachment keeps the event loop alive; true at first. */
  ref(handle: number, on: boolean): void;
  /** Accept no more connections; answer Initials with CONNECTION_REFUSED. */
  drain(engine: number): void;
  /**
   * Closes what is left (CONNECTION_CLOSE), ends the workers, calls `done` on this thread when all
   * have ended.
   */
  stop(engine: number, done: () => void): void;
  /**
   * SIGINT and SIGTERM: taken natively; the first sets quicd_app_view.signals and rings every bell,
   * a later one (> 1 s) exits with 130.
   */
  takeSignals(engine: number): void;
  /** Null without eBPF. */
  steering(engine: number): SteeringCounters | null;
  memory(): NativeMemory;
  /** Tries what a server would need; leaves everything as it was. `host` is a numeric address. */
  probe(host: string, port: number, socketBufferBytes: number, workers: number): MachineProbe;
  /**
   * Asks a worker what its connections wait for: those in the slots from `first` on, at most `most`
   * of them (and QUICD_WHY_ANSWERS); or with a `generation` other than 0 the one of that slot
   * alone. False: it is busy with another request.
   */
  whyAsk(engine: number, worker: number, first: number, generation: number, most: number): boolean;
  /**
   * The answer, once: struct quicd_why[], and the slot to go on with or NONE. Null: not yet.
   */
  whyAnswer(engine: number, worker: number): { answers: ArrayBuffer; next: number } | null;
  /**
   * Test hook: worker `worker` loses its socket, and `attempts` attempts to open a new one fail.
   * Its connections wait meanwhile.
   */
  failWorker(engine: number, worker: number, attempts: number): void;
  /** Test hook: the calling thread blocks in C for `milliseconds`. */
  block(milliseconds: number): void;
}
