/**
 * Puts our classes where programs find the real ones.
 *
 * Once for each app thread, before the program's module is loaded, so that what it captures is what
 * it gets.
 */
import { H3Request, nativeRequest } from "./request.ts";
import { KnownResponse } from "./response.ts";

const NativeRequest = globalThis.Request;
const nativeFetch = globalThis.fetch;

/** `new Request(request, init)` with one of ours starts from the real Request behind it. */
class UnwrappingRequest extends NativeRequest {
  constructor(input: string | URL | Request, init?: RequestInit) {
    super((H3Request.isH3Request(input) ? input.native : input) as Request, init);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof NativeRequest;
  }
}

/**
 * Makes `Response` remember what it was made of, and `Request` and `fetch` take the requests of
 * handlers. Idempotent.
 */
export function installKnownResponse(): void {
  globalThis.Response = KnownResponse as unknown as typeof Response;
  globalThis.Request = UnwrappingRequest as unknown as typeof Request;
  const fetch = (input: string | URL | Request, init?: RequestInit) =>
    nativeFetch(typeof input === "object" && "url" in input ? nativeRequest(input) : input, init);
  globalThis.fetch = Object.assign(fetch, { preconnect: nativeFetch.preconnect });
}
