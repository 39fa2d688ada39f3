/** What a program gives HTTP/3 to answer requests with, and what it is told. */
import type { SocketAddress } from "../../transport/app.ts";
import type { LeanContext } from "./lean.ts";

/** The `server` argument of a handler; a larger server fills in more. */
export interface ServerFacade {
  readonly port: number;
  readonly url: URL;
  readonly pendingRequests: number;
  requestIP(request: Request): SocketAddress | null;
}

export interface H3Handler {
  /**
   * Request in, Response out. A Response that is returned directly, not as a promise, is sent
   * before the call returns.
   */
  fetch?: ((request: Request, server: ServerFacade) => Response | Promise<Response>) | undefined;
  /**
   * Without Request and Response; goes before {@link fetch}. Must call `ctx.respond` before it
   * returns or resolves.
   */
  lean?: ((ctx: LeanContext) => void | Promise<void>) | undefined;
  /**
   * Makes the response to a failure of the others; without it: 500 and a plain text that says no
   * more.
   */
  error?: ((error: unknown) => Response | Promise<Response>) | undefined;
}

/** One finished request, for an access log. */
export interface RequestInfo {
  method: string;
  path: string;
  /** 0: no head was sent. */
  status: number;
  /** Of the response's content. */
  bytes: number;
  durationUs: number;
  connectionId: string;
  peer: SocketAddress;
}

export interface H3Options {
  /** SETTINGS_MAX_FIELD_SECTION_SIZE of ours, bytes; default 32 KiB. */
  maxFieldSectionBytes?: number;
  /** A request with more content gets 413; default 128 MiB. */
  maxRequestBodyBytes?: number;
  /** The second argument of `fetch`. */
  serverFacade?: ServerFacade;
  /** A failure of a handler or of its response's body, once each. */
  onError?: (error: unknown, connectionId: string) => void;
  /** Once for each request, at its end. Costs nothing while not set. */
  onRequest?: (info: RequestInfo) => void;
}
