/** The native engine of one app thread of a run, and the server that it is aimed at. */
import { ClientEngine } from "../client/engine.ts";
import { handshakeFailure, notStarted } from "../client/error.ts";
import { checkOptions } from "../client/options.ts";
import { resolveHost } from "../client/resolve.ts";
import type { Counters } from "../native/counters.ts";
import type { CloseInfo, QuicAppFactory } from "../transport/app.ts";
import type { ClientConnection } from "../transport/client_connection.ts";
import type { PeerEndpoint } from "../transport/connect_request.ts";
import type { LoadPlan } from "./plan.ts";

const HTTPS_PORT = 443;
/** An address that does not answer is left for the next one (RFC 8305 §5). */
const NEXT_ADDRESS_MS = 500;

/** Told of one connection: `connected` or `failed`, and `ended` after a `connected`. */
export interface ConnectionWatcher {
  connected(connection: ClientConnection): void;
  /** The reason is a ConnectError. */
  failed(reason: unknown): void;
  session?(bytes: Uint8Array): void;
  ended(info: CloseInfo): void;
}

export interface ConnectWish {
  factory: QuicAppFactory;
  session: Uint8Array | null;
  early: boolean;
}

export const FRESH = { session: null, early: false };

export class LoadEngine {
  readonly #engine: ClientEngine;
  readonly #profile: number;
  readonly #plan: LoadPlan;
  readonly #alpn: string;
  readonly #serverName: string;
  #peer: PeerEndpoint;

  private constructor(
    engine: ClientEngine,
    plan: LoadPlan,
    target: { profile: number; alpn: string; serverName: string; peer: PeerEndpoint },
  ) {
    this.#engine = engine;
    this.#plan = plan;
    this.#profile = target.profile;
    this.#alpn = target.alpn;
    this.#serverName = target.serverName;
    this.#peer = target.peer;
    engine.use();
  }

  /** @throws ConnectError for a name without address, Error for what the system refuses. */
  static async start(plan: LoadPlan, alpn: string): Promise<LoadEngine> {
    const url = new URL(plan.url);
    const port = url.port === "" ? HTTPS_PORT : Number(url.port);
    const checked = await checkOptions({
      ...{ host: url.hostname, port, alpn },
      ...{ earlyData: plan.mode === "handshakes" && plan.handshake === "0-rtt" },
      tls: {
        ...(plan.ca === "" ? {} : { ca: Bun.file(plan.ca) }),
        verify: !plan.insecure,
      },
    });
    const peers = await resolveHost(checked.host, checked.port);
    const engine = await ClientEngine.start(plan.engine, "");
    const { serverName } = checked;
    let profile: number;
    try {
      profile = engine.profile(checked.profile);
    } catch (error) {
      await engine.stop(0);
      throw error;
    }
    const made = new LoadEngine(engine, plan, { profile, alpn, serverName, peer: peers[0]! });
    if (peers.length > 1) await made.#choose(peers);
    return made;
  }

  get counters(): Counters {
    return this.#engine.engine.counters();
  }

  connect(wish: ConnectWish, watcher: ConnectionWatcher): void {
    let connection: ClientConnection | null = null;
    const { timeoutMs } = this.#plan;
    const timer = setTimeout(() => connection?.close(0, "", false), timeoutMs);
    this.#engine.connect({
      ...{ profile: this.#profile, alpns: [this.#alpn], peer: this.#peer },
      ...{ ownSocket: false, followPreferred: true },
      ...{ serverName: this.#serverName, ...wish },
      observer: {
        started(begun) {
          connection = begun;
        },
        refused: (refusal, errno) => {
          clearTimeout(timer);
          watcher.failed(notStarted(refusal, errno, this.#plan.url));
        },
        connected(established) {
          clearTimeout(timer);
          watcher.connected(established);
        },
        session: (bytes) => watcher.session?.(bytes),
        ended: (info) => {
          clearTimeout(timer);
          if (connection?.usable === true) {
            watcher.ended(info);
            return;
          }
          const late = info.by === "local" && info.code === 0;
          const told: CloseInfo = late ? { ...info, by: "timeout" } : info;
          watcher.failed(handshakeFailure(told, this.#plan.url));
        },
      },
    });
  }

  async stop(graceMs: number): Promise<void> {
    this.#engine.release();
    await this.#engine.stop(graceMs);
  }

  /** The first address that answers serves all; where none does, the first one is kept. */
  async #choose(peers: readonly PeerEndpoint[]): Promise<void> {
    for (const peer of peers) {
      this.#peer = peer;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => resolve(false), NEXT_ADDRESS_MS);
      this.connect(
        { factory: PROBE, ...FRESH },
        {
          connected(connection) {
            resolve(true);
            connection.close();
          },
          failed: () => resolve(false),
          ended() {},
        },
      );
      const answered = await promise;
      clearTimeout(timer);
      if (answered) return;
    }
    this.#peer = peers[0]!;
  }
}

/** Asks nothing. */
const PROBE: QuicAppFactory = {
  acceptsAlpn: () => true,
  async spawnApp() {},
};
