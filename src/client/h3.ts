/** HTTP/3 requests over a connection of ours: {@link connectH3}. */
import { chunkReaderOf } from "../apps/h3/chunk_reader.ts";
import type { H3ClientConnection } from "../apps/h3/client/connection.ts";
import { H3ClientFactory } from "../apps/h3/client/factory.ts";
import { flattenHeaders } from "../apps/h3/response_fields.ts";
import { connect, type QuicClient } from "../client.ts";
import type { QuicConnection } from "../transport/app.ts";
import type { ConnectOptions } from "./options.ts";

export interface H3ConnectOptions extends Omit<ConnectOptions, "host" | "port" | "alpn" | "app"> {
  /** Of the server; its path does not count. */
  url: string | URL;
  /** What opens the connection; default: the one of this JavaScript thread. */
  client?: QuicClient;
}

const HTTPS_PORT = 443;
/** Safe methods (RFC 9110 §9.2.1): what they ask may be asked twice (RFC 8470 §4). */
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];
const TOO_EARLY = 425;

const factory = new H3ClientFactory();

/**
 * Opens an HTTP/3 connection to the server of a URL.
 *
 * @throws {ConnectError} who ended the handshake and why; TypeError for an option
 */
export async function connectH3(target: string | URL | H3ConnectOptions): Promise<H3Client> {
  const options = typeof target === "string" || target instanceof URL ? { url: target } : target;
  const url = new URL(options.url);
  if (url.protocol !== "https:") throw new TypeError(`connectH3: ${url.href} must be an https URL`);
  const { url: _url, client, ...rest } = options as H3ConnectOptions;
  const port = url.port === "" ? HTTPS_PORT : Number(url.port);
  const wish = { ...rest, host: url.hostname, port, alpn: "h3", app: factory };
  const connection = await (client === undefined ? connect(wish) : client.connect(wish));
  return new H3Client(url.origin, connection, factory.of(connection));
}

/** Requests over one connection. */
export class H3Client {
  readonly #h3: H3ClientConnection;

  constructor(
    /** "https://host:port". */
    readonly origin: string,
    readonly connection: QuicConnection,
    h3: H3ClientConnection,
  ) {
    this.#h3 = h3;
  }

  /** Requests without a complete response. */
  get openRequests(): number {
    return this.#h3.openRequests;
  }

  /**
   * As the global fetch, over this connection; redirects are not followed. Content that is not
   * wanted must be cancelled: unread, it holds the server back.
   *
   * While early data flows, safe requests without content go at once, and once more if the server
   * answers 425 (RFC 8470); others wait for the handshake.
   *
   * @throws {H3Error} with a code of RFC 9114 §8.1; ConnectionError when the connection ended;
   *   TypeError for a request that cannot be sent; the reason of its signal.
   */
  async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const target = typeof input === "string" ? new URL(input, this.origin) : input;
    const ready = !(target instanceof URL) && init === undefined;
    const request = ready ? target : new Request(target as Request, init);
    const url = new URL(request.url);
    if (url.origin !== this.origin) {
      throw new TypeError(`fetch: ${url.href} is not of ${this.origin}, which is connected to`);
    }
    const { connection } = this;
    const safe = SAFE_METHODS.includes(request.method) && request.body === null;
    const early = connection.early;
    if (early && !safe) await connection.handshakeCompleted;
    const response = await this.#send(request, url);
    if (response.status !== TOO_EARLY || !early || !safe) return response;
    await response.body?.cancel();
    await connection.handshakeCompleted;
    return await this.#send(request, url);
  }

  /** Closes after the last response; resolves when that is done. */
  async close(): Promise<void> {
    this.#h3.onShutdown();
    await this.connection.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #send(request: Request, url: URL): Promise<Response> {
    const { method, signal } = request;
    const content = request.body === null ? null : chunkReaderOf(request.body);
    const fields = flattenHeaders(request.headers);
    const { head, body } = await this.#h3.request({ method, url, fields }, content, signal);
    const headers = new Headers();
    for (let i = 0; i < head.fields.length; i += 2) {
      headers.append(head.fields[i]!, head.fields[i + 1]!);
    }
    const stream = head.empty ? null : body.stream();
    const response = new Response(stream, { status: head.status, headers });
    return Object.defineProperty(response, "url", { value: url.href });
  }
}
