/**
 * Where the native part cannot be loaded Bun.serve takes its place: on another system, say, or
 * before the first build. Only then: a library of another version, a port in use or a wrong
 * certificate stay errors.
 */
import type { EngineOptions } from "../native/addon.ts";
import { loadLibrary, NativeMissing } from "../native/library.ts";
import { importHandler } from "./app_handler.ts";
import { IDLE_TIMEOUT_MAX_SECONDS } from "./bun_listen.ts";
import { BunServer } from "./bun_server.ts";
import { DEFAULT_REQUEST_BODY_BYTES, type ServeOptions, SHUTDOWN_GRACE_MS } from "./options.ts";

/** Environment: "never" makes a missing native part an error. */
const SWITCH = "QUICD_FALLBACK";

/**
 * Null when the native part is loaded.
 *
 * @throws Error when it is there and wrong, or missing although it must not be.
 */
export function missingNative(): NativeMissing | null {
  const wish = process.env[SWITCH] ?? "";
  if (wish !== "" && wish !== "never") {
    throw new TypeError(`${SWITCH}=${wish}: there is only "never", which refuses Bun.serve`);
  }
  try {
    loadLibrary();
    return null;
  } catch (error) {
    if (wish === "never" || !(error instanceof NativeMissing)) throw error;
    return error;
  }
}

/** What was asked for and cannot be had is an error, never left out in silence. */
export function refuse(asked: readonly string[], missing: NativeMissing): void {
  if (asked.length === 0) return;
  const need = asked.length === 1 ? "needs" : "need";
  const remedy = "leave that out, or run ./setup on Linux x86-64";
  throw new TypeError(
    `${asked.join(", ")} ${need} quicd's native part, which is missing ` +
      `(${missing.path}: ${missing.reason}): ${remedy}`,
  );
}

/** In the words of `serve`. */
function askedInVain(options: ServeOptions): string[] {
  const { alpn = ["h3"], idleTimeout = 0 } = options;
  const natively: Record<string, boolean> = {
    registry: options.registry !== undefined,
    appThreads: (options.appThreads ?? 0) > 0,
    workers: options.workers !== undefined,
    backend: (options.backend ?? "auto") !== "auto",
    routing: (options.routing ?? "auto") !== "auto",
    transport: Object.keys(options.transport ?? {}).length > 0,
    "tls.ciphers": options.tls?.ciphers !== undefined,
    "alpn beside h3": alpn.some((name) => name !== "h3"),
    [`idleTimeout above ${IDLE_TIMEOUT_MAX_SECONDS}`]: idleTimeout > IDLE_TIMEOUT_MAX_SECONDS,
  };
  return Object.keys(natively).filter((name) => natively[name]);
}

/** `serve`, with what it has read and checked. @param module null: the functions in `options` */
export async function serveOnBun(
  options: ServeOptions,
  engine: Omit<EngineOptions, "alpn">,
  module: string | null,
  missing: NativeMissing,
): Promise<BunServer> {
  refuse(askedInVain(options), missing);
  const { host, port, certificatePem, privateKeyPem, maxIdleTimeoutMs: idleTimeoutMs } = engine;
  const handler = module === null ? options : await importHandler(module);
  const server = new BunServer(handler, {
    ...{ host, port, certificatePem, privateKeyPem, idleTimeoutMs },
    maxRequestBodyBytes: options.maxRequestBodySize ?? DEFAULT_REQUEST_BODY_BYTES,
    shutdownGraceMs: options.shutdownGraceMs ?? SHUTDOWN_GRACE_MS,
    signals: options.signals ?? false,
    fallback: fallbackReason(missing),
  });
  await server.start();
  announceFallback(server);
  return server;
}

/** {@link BunServer.fallback}. */
export function fallbackReason({ path, reason }: NativeMissing): string {
  return `native part missing (${path}: ${reason})`;
}

/** One line on standard error: what is missing, and what is lost. */
export function announceFallback(server: BunServer): void {
  const { fallback, http3Refusal } = server;
  const what =
    http3Refusal === null
      ? "HTTP/3 on the JavaScript thread, where a busy handler stalls it"
      : `HTTP/1.1 and HTTP/2 only (Bun refuses HTTP/3: ${http3Refusal})`;
  const lost = "no connection migration across processes, no datagrams, no other protocols";
  console.error(`quicd: ${fallback}; serving with Bun.serve: ${what}; ${lost}`);
}
