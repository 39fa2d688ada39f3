/**
 * An {@link H3Handler} as the `fetch` of Bun.serve: the same answers to the same requests, failures
 * of handlers included.
 */
import type { H3Handler, RequestInfo, ServerFacade } from "../apps/h3/handler.ts";
import { LeanContext, type LeanOrigin } from "../apps/h3/lean.ts";
import type { RequestHead } from "../apps/h3/message.ts";
import { KnownResponse, NativeResponse } from "../apps/h3/response.ts";
import { standardError } from "../telemetry/failure_log.ts";
import type { SocketAddress } from "../transport/app.ts";

/** Bun.serve tells no connections, and does not say when a response has been sent. */
export type BunRequestInfo = Omit<RequestInfo, "bytes" | "connectionId" | "peer"> & {
  /** Of the response's content; null: not known. */
  bytes: number | null;
};

export interface BunHandlerOptions {
  serverFacade: ServerFacade;
  onError?: (error: unknown) => void;
  /** Once for each request, when its response is handed to Bun. */
  onRequest?: (info: BunRequestInfo) => void;
}

const REFUSALS: Readonly<Record<number, string>> = {
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};
const UNKNOWN_PEER: SocketAddress = { family: 4, address: "0.0.0.0", port: 0 };

export class BunHandler {
  readonly #handler: H3Handler;
  readonly #options: BunHandlerOptions;
  /** Handlers at work. */
  readonly #pending = new Set<(response: Response) => void>();

  /** @throws {TypeError} if the handler has neither `fetch` nor `lean`. */
  constructor(handler: H3Handler, options: BunHandlerOptions) {
    if (handler.fetch === undefined && handler.lean === undefined) {
      throw new TypeError("a handler needs fetch(request, server) or lean(ctx)");
    }
    this.#handler = handler;
    this.#options = options;
  }

  readonly fetch = (request: Request): Response | Promise<Response> => {
    const logging = this.#options.onRequest !== undefined;
    const startedMs = logging ? performance.now() : 0;
    const answer = this.#answer(request);
    const tracked = answer instanceof NativeResponse ? answer : this.#tracked(answer);
    if (!logging) return tracked;
    if (tracked instanceof NativeResponse) return this.#logged(request, tracked, startedMs);
    return tracked.then((response) => this.#logged(request, response, startedMs));
  };

  /** Answers what handlers still work on: who waits for a server that ends would wait for long. */
  abandon(): void {
    for (const settle of this.#pending) settle(refusal(503));
  }

  #answer(request: Request): Response | Promise<Response> {
    if (request.method === "CONNECT") return refusal(501);
    try {
      const { lean } = this.#handler;
      const result =
        lean === undefined
          ? this.#handler.fetch!(request, this.#options.serverFacade)
          : this.#lean(request);
      return this.#settled(result, false);
    } catch (error) {
      return this.#recover(error, false);
    }
  }

  #settled(
    result: Response | Promise<Response>,
    recovering: boolean,
  ): Response | Promise<Response> {
    if (!isThenable(result)) return checked(result);
    return result.then(checked).catch((error: unknown) => this.#recover(error, recovering));
  }

  /** @param recovering the handler's `error` is what failed */
  #recover(error: unknown, recovering: boolean): Response | Promise<Response> {
    this.#report(error);
    if (this.#handler.error === undefined || recovering) return refusal(500);
    try {
      return this.#settled(this.#handler.error(error), true);
    } catch (second) {
      return this.#recover(second, true);
    }
  }

  #report(error: unknown): void {
    const { onError } = this.#options;
    if (onError !== undefined) onError(error);
    else standardError.report(Bun.inspect(error));
  }

  #lean(request: Request): Promise<Response> {
    const answered = Promise.withResolvers<Response>();
    let over = false;
    const ctx = new LeanContext(headOf(request), {
      body: request.body === null ? null : { collect: () => collected(request) },
      peerAddress: this.#options.serverFacade.requestIP(request) ?? UNKNOWN_PEER,
      respond: (...parts) => {
        answered.resolve(responseOf(...parts));
        over = true;
      },
    });
    const ended = Promise.resolve(this.#handler.lean!(ctx)).then(() => {
      if (!ctx.responded) throw new TypeError("the handler ended without ctx.respond");
    });
    ended.catch((error: unknown) => (over ? this.#report(error) : answered.reject(error)));
    return answered.promise;
  }

  #tracked(answer: Promise<Response>): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#pending.add(resolve);
    answer.then(resolve, reject).finally(() => this.#pending.delete(resolve));
    return promise;
  }

  #logged(request: Request, response: Response, startedMs: number): Response {
    this.#options.onRequest?.({
      method: request.method,
      path: pathOf(request),
      status: response.status,
      bytes: bytesOf(request, response),
      durationUs: Math.round((performance.now() - startedMs) * 1000),
    });
    return response;
  }
}

function checked(response: Response): Response {
  if (response instanceof NativeResponse) return response;
  throw new TypeError(`the handler returned ${typeof response}, not a Response`);
}

function isThenable(result: Response | Promise<Response>): result is Promise<Response> {
  return typeof (result as { then?: unknown } | null | undefined)?.then === "function";
}

function refusal(status: number): Response {
  return new NativeResponse(REFUSALS[status], { status });
}

async function collected(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await request.arrayBuffer());
}

/** As far as a {@link LeanContext} shows it. */
function headOf(request: Request): RequestHead {
  return {
    method: request.method,
    scheme: "https",
    authority: new URL(request.url).host,
    path: pathOf(request),
    url: request.url,
    fields: [...request.headers].flat(),
    contentLength: Number(request.headers.get("content-length") ?? -1),
    expectsContinue: false,
    priority: request.headers.get("priority") ?? "",
  };
}

/** With the query. */
function pathOf({ url }: Request): string {
  return url.slice(url.indexOf("/", url.indexOf("//") + 2));
}

function responseOf(...[status, fields, body]: Parameters<LeanOrigin["respond"]>): Response {
  const headers = new Headers();
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i]!, fields[i + 1]!);
  return new NativeResponse(body as Exclude<typeof body, Uint8Array>, { status, headers });
}

/** Looks at no `body`: that alone would make a stream of it. */
function bytesOf(request: Request, response: Response): number | null {
  const known = KnownResponse.body(response);
  if (request.method === "HEAD" || known === null) return 0;
  if (typeof known === "string") return Buffer.byteLength(known);
  if (known !== undefined) return known instanceof Blob ? known.size : known.byteLength;
  const length = response.headers.get("content-length");
  return length === null ? null : Number(length);
}
