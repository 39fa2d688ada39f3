/**
 * HTTP/3 for the registry: `registry.register("h3", new H3Factory({ fetch }))`.
 *
 * One factory serves one app thread; its caches are shared by all connections there.
 */
import { assert } from "../../assert.ts";
import { standardError } from "../../telemetry/failure_log.ts";
import type {
  AppEvent,
  ConnectionHandle,
  QuicAppFactory,
  SinkConnection,
} from "../../transport/app.ts";
import { H3Connection, type H3Shared } from "./connection.ts";
import type { H3Handler, H3Options, RequestInfo, ServerFacade } from "./handler.ts";
import { HeadReader } from "./head_reader.ts";
import type { RequestHead } from "./message.ts";
import { connectionOf } from "./request.ts";
import { ResponseHeadEncoder } from "./response_head.ts";
import { MAX_FIELD_SECTION_BYTES } from "./settings.ts";

/** "h3-29" is a label over QUIC version 1: the frames are the same. */
const ALPNS: readonly string[] = ["h3", "h3-29"];
const MAX_REQUEST_BODY_BYTES = 128 * 1024 * 1024;

export class H3Factory implements QuicAppFactory, H3Shared {
  readonly handler: H3Handler;
  readonly heads: HeadReader;
  readonly responseHeads = new ResponseHeadEncoder();
  readonly serverFacade: ServerFacade;
  readonly maxFieldSectionBytes: number;
  readonly maxRequestBodyBytes: number;
  readonly logging: boolean;
  readonly #onError: ((error: unknown, connectionId: string) => void) | undefined;
  readonly #onRequest: ((info: RequestInfo) => void) | undefined;
  #pendingRequests = 0;

  /** @throws {TypeError} if the handler has neither `fetch` nor `lean`. */
  constructor(handler: H3Handler, options: H3Options = {}) {
    if (handler.fetch === undefined && handler.lean === undefined) {
      throw new TypeError("a handler needs fetch(request, server) or lean(ctx)");
    }
    this.handler = handler;
    this.maxFieldSectionBytes = options.maxFieldSectionBytes ?? MAX_FIELD_SECTION_BYTES;
    this.maxRequestBodyBytes = options.maxRequestBodyBytes ?? MAX_REQUEST_BODY_BYTES;
    this.heads = new HeadReader(this.maxFieldSectionBytes);
    this.#onError = options.onError;
    this.#onRequest = options.onRequest;
    this.logging = options.onRequest !== undefined;
    this.serverFacade = options.serverFacade ?? this.#plainFacade();
  }

  /** Requests whose response is not complete yet, over all connections. */
  get pendingRequests(): number {
    return this.#pendingRequests;
  }

  acceptsAlpn(alpn: string): boolean {
    return ALPNS.includes(alpn);
  }

  attach(connection: SinkConnection): H3Connection {
    return new H3Connection(connection, this);
  }

  /** The registry uses {@link attach}; events alone do not give the order that HTTP/3 relies on. */
  async spawnApp(_alpn: string, _handle: ConnectionHandle, _events: AsyncIterable<AppEvent>) {
    assert(false, "HTTP/3 is attached, never spawned");
  }

  onExchangeStart(): void {
    this.#pendingRequests++;
  }

  onExchangeEnd(): void {
    this.#pendingRequests--;
  }

  reportError(error: unknown, connectionId: string): void {
    if (this.#onError !== undefined) this.#onError(error, connectionId);
    else standardError.report(Bun.inspect(error));
  }

  logRequest(
    connection: SinkConnection,
    head: RequestHead | null,
    status: number,
    bytes: number,
    startedMs: number,
  ): void {
    this.#onRequest?.({
      method: head?.method ?? "",
      path: head?.path ?? "",
      status,
      bytes,
      durationUs: Math.round((performance.now() - startedMs) * 1000),
      connectionId: connection.connectionId,
      peer: connection.peerAddress,
    });
  }

  #plainFacade(): ServerFacade {
    const factory = this;
    return {
      port: 0,
      url: new URL("https://localhost/"),
      get pendingRequests() {
        return factory.#pendingRequests;
      },
      requestIP: (request) => connectionOf(request)?.peerAddress ?? null,
    };
  }
}
