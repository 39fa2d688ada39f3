/** Builds the server that stands in where the native part is missing, as far as Bun can. */
import type { H3Handler } from "../apps/h3/handler.ts";
import { type Config, configSchema } from "../config/schema.ts";
import { UserError } from "../config.ts";
import type { NativeMissing } from "../native/library.ts";
import { IDLE_TIMEOUT_MAX_SECONDS } from "../server/bun_listen.ts";
import { BunServer, type BunServerOptions } from "../server/bun_server.ts";
import { announceFallback, fallbackReason, refuse } from "../server/fallback.ts";
import type { AccessLog } from "./access_log.ts";
import type { ChosenCertificate } from "./certificate.ts";
import { openFolder } from "./registry.ts";
import type { Subject } from "./subject.ts";

/** Options that mean the same to Bun.serve. */
const OBEYED: readonly string[] = [
  ...["netio.host", "netio.port", "quic.idle_timeout_ms", "tls.cert", "tls.key", "apps.alpn"],
  ...["apps.shutdown_grace_ms", "http.root", "http.index", "http.log", "http.max_body_bytes"],
];
/** Options that somebody counts on who gives them; the rest are sizes and limits. */
const COUNTED_ON: readonly string[] = [
  ...["netio.workers", "netio.backend", "netio.routing", "apps.threads", "tls.keylog"],
  "telemetry.qlog",
];
/** By the client's choice HTTP/2 and HTTP/1.1 come with it. */
const OFFERED = "h3";

/** @throws {UserError} for what was asked for and needs the native part; port in use, ... */
export async function startOnBun(
  subject: Subject,
  certificate: ChosenCertificate,
  log: AccessLog | null,
  missing: NativeMissing,
): Promise<BunServer> {
  const { config } = subject;
  try {
    refuse(askedInVain(config), missing);
  } catch (error) {
    throw new UserError(error instanceof Error ? error.message : String(error), 2);
  }
  const options: BunServerOptions = {
    host: config.netio.host === "localhost" ? "127.0.0.1" : config.netio.host,
    port: config.netio.port,
    ...certificate.pair,
    idleTimeoutMs: config.quic.idle_timeout_ms,
    maxRequestBodyBytes: config.http.max_body_bytes,
    shutdownGraceMs: config.apps.shutdown_grace_ms,
    signals: true,
    fallback: fallbackReason(missing),
  };
  if (log !== null) options.onRequest = (info) => log.record({ ...info, connectionId: "-" });
  const server = new BunServer(handlerOf(subject), options);
  await server.start();
  announceFallback(server);
  return server;
}

/** Options that were given and have no meaning here, "quic.congestion". */
export function unheeded(config: Config): string[] {
  return given(config).filter((name) => !OBEYED.includes(name) && !COUNTED_ON.includes(name));
}

function askedInVain(config: Config): string[] {
  const names = given(config);
  const asked = names.filter((name) => COUNTED_ON.includes(name));
  if (names.includes("apps.alpn") && config.apps.alpn.some((alpn) => alpn !== OFFERED)) {
    asked.push(`apps.alpn beside ${OFFERED}`);
  }
  if (config.quic.idle_timeout_ms > IDLE_TIMEOUT_MAX_SECONDS * 1000) {
    asked.push(`quic.idle_timeout_ms above ${IDLE_TIMEOUT_MAX_SECONDS}000`);
  }
  return asked;
}

/** What differs from the defaults: "section.option". */
function given(config: Config): string[] {
  const plain = entriesOf(configSchema.parse({}));
  return [...entriesOf(config)]
    .filter(([name, value]) => plain.get(name) !== value)
    .map(([name]) => name);
}

function entriesOf(config: Config): Map<string, string> {
  const entries = Object.entries(config).flatMap(([section, options]) =>
    Object.entries(options).map(
      ([option, value]) => [`${section}.${option}`, JSON.stringify(value)] as const,
    ),
  );
  return new Map(entries);
}

/** Files as web streams: only HTTP/3 of our own sends them from where they lie. */
function handlerOf({ app, folder, config }: Subject): H3Handler {
  if (app !== null) return { fetch: app.module.fetch, error: app.module.error };
  return { fetch: openFolder(folder, { index: config.http.index }).fetch };
}
