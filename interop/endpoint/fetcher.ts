/** Fetches URLs of one origin into /downloads, over connections of one plan. */
import { lookup } from "node:dns/promises";
import { basename, join } from "node:path";
import {
  type ConnectOptions,
  connectH3,
  type QuicClient,
  type QuicConnection,
  type ReceiveStream,
  type SendStream,
} from "../../src/index.ts";
import type { ClientPlan } from "../testcases.ts";
import { HANDSHAKE_TIMEOUT_MS, PATIENT } from "./parameters.ts";

const DOWNLOADS = "/downloads";
/** Streams at a time. */
const PARALLEL = 256;
/** Tickets come behind the handshake, and may be lost and sent again. */
const SESSION_WAIT_MS = 10_000;
/**
 * A client that moved in silence, behind a NAT, can be found by nobody: what the server sends goes
 * to the old address, until the client speaks.
 */
const KEEP_ALIVE_MS = 1000;
/** Small, so that they have to grow while a file comes; still beyond what the path holds. */
const WINDOWS = { connectionWindowBytes: 512 * 1024, streamWindowBytes: 256 * 1024 } as const;

export interface FetcherOptions {
  plan: ClientPlan;
  congestion: NonNullable<ConnectOptions["congestion"]>;
  keylog: string;
  /** Of the application, when all is there. */
  closeCode: number;
}

interface Stream {
  send: SendStream;
  receive: ReceiveStream;
}

export class Fetcher {
  readonly #client: QuicClient;
  readonly #options: FetcherOptions;

  constructor(client: QuicClient, options: FetcherOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Over one connection. @throws the first thing that goes wrong */
  async fetch(urls: readonly URL[], session: Uint8Array | null = null): Promise<void> {
    const connection = await this.#fetch(urls, session === null ? {} : { session });
    this.#end(connection);
  }

  /** The same, and what the next connection can resume from. */
  async fetchForSession(urls: readonly URL[]): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const connection = await this.#fetch(urls, { onSession: resolve });
    const none = () => reject(new Error(`the server gave no session in ${SESSION_WAIT_MS} ms`));
    const timer = setTimeout(none, SESSION_WAIT_MS);
    const session = await promise.finally(() => clearTimeout(timer));
    this.#end(connection);
    return session;
  }

  #end(connection: QuicConnection): void {
    connection.close(this.#options.closeCode);
  }

  /** Gives the connection, open. */
  async #fetch(urls: readonly URL[], more: Partial<ConnectOptions>): Promise<QuicConnection> {
    const options = { ...(await this.#connectOptions(urls[0]!)), ...more };
    if (this.#options.plan.alpn === "h3") return this.#fetchH3(urls, options);
    const connection = await this.#client.connect(options);
    let began = () => {
      if (this.#options.plan.updateKeys) connection.updateKeys();
      began = () => {};
    };
    await fetchHq(connection, urls, () => began());
    return connection;
  }

  async #fetchH3(urls: readonly URL[], options: ConnectOptions): Promise<QuicConnection> {
    const { host: _host, port: _port, alpn: _alpn, app: _app, ...rest } = options;
    const h3 = await connectH3({ ...rest, url: urls[0]!.origin, client: this.#client });
    await Promise.all(
      urls.map(async (url) => {
        const response = await h3.fetch(url);
        if (response.status !== 200) throw new Error(`${url.href}: status ${response.status}`);
        await Bun.write(fileOf(url), response);
      }),
    );
    return h3.connection;
  }

  /** To one address of the host: two would be a race between two connections (RFC 8305). */
  async #connectOptions(url: URL): Promise<ConnectOptions> {
    const { plan, congestion, keylog } = this.#options;
    const serverName = url.hostname.replace(/^\[|\]$/g, "");
    const { address } = await lookup(serverName, { order: "ipv4first" });
    return {
      ...{ host: address, port: Number(url.port || 443), alpn: plan.alpn, congestion },
      ...{ earlyData: plan.early, version: plan.version, socket: "own" },
      ...{ keepAliveMs: KEEP_ALIVE_MS, ...WINDOWS },
      tls: {
        // As every client of the runner: it makes its certificates afresh for each run.
        ...{ verify: false, serverName, keylog },
        ...(plan.cipher === null ? {} : { ciphers: [plan.cipher] }),
      },
      ...(plan.patient
        ? { ...PATIENT, idleTimeoutMs: PATIENT.handshakeTimeoutMs }
        : { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS }),
    };
  }
}

function fileOf(url: URL): string {
  return join(DOWNLOADS, basename(url.pathname));
}

/**
 * Side by side; where the server allows fewer streams, opening waits for it. The requests of one
 * turn share packets.
 */
async function fetchHq(
  connection: QuicConnection,
  urls: readonly URL[],
  began: () => void,
): Promise<void> {
  const waiting = urls.values();
  const fetchSome = async () => {
    for (const url of waiting) await fetchFile(await connection.openBidirectional(), url, began);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, urls.length) }, fetchSome));
}

/** Asks first and opens the file last: 0-RTT has only until the server has answered. */
async function fetchFile({ send, receive }: Stream, url: URL, began: () => void): Promise<void> {
  await send.write(new TextEncoder().encode(`GET ${url.pathname}\r\n`), true);
  const writer = Bun.file(fileOf(url)).writer();
  for await (const chunk of receive) {
    began();
    writer.write(chunk.bytes());
    await writer.flush();
  }
  await writer.end();
}
