/** A server of this process and clients of it, for tests of the client side. */
import { EchoFactory } from "../../src/apps/echo/factory.ts";
import { H3Factory } from "../../src/apps/h3/factory.ts";
import type { H3Handler } from "../../src/apps/h3/handler.ts";
import { HqFactory } from "../../src/apps/hq/factory.ts";
import { openFolder } from "../../src/cli/registry.ts";
import { type ConnectOptions, QuicClient } from "../../src/client.ts";
import type { EngineOptions } from "../../src/native/addon.ts";
import { engineOptionsOf } from "../../src/server/options.ts";
import { readTls } from "../../src/server/tls.ts";
import { QuicServer } from "../../src/server.ts";
import type { QuicAppFactory, QuicConnection } from "../../src/transport/app.ts";
import { AppRegistry } from "../../src/transport/registry.ts";
import { requireBackend, wantedBackend } from "./backend.ts";
import { testCertificate } from "./certificate.ts";

export interface LocalServerOptions {
  engine?: Partial<EngineOptions>;
  fetch?: H3Handler["fetch"];
  /** False: `apps` has one. */
  echo?: false;
  /** Beside h3, unless they have one, echo and hq-interop. */
  apps?: Record<string, QuicAppFactory>;
  /** Of hq-interop. */
  folder?: string;
}

/** On 127.0.0.1, every protocol that we have. */
export async function startLocalServer(options: LocalServerOptions = {}): Promise<QuicServer> {
  const { certPath, keyPath } = testCertificate();
  const backend = wantedBackend() ?? ("auto" as const);
  const choices = { port: 0, hostname: "127.0.0.1", workers: 2, backend };
  const engine = engineOptionsOf(choices, await readTls({ cert: certPath, key: keyPath }));
  const registry = new AppRegistry();
  if (options.apps?.h3 === undefined)
    registry.register("h3", new H3Factory({ fetch: options.fetch ?? (() => new Response("ok")) }));
  if (options.echo !== false) registry.register("echo", new EchoFactory());
  if (options.folder !== undefined) {
    const { resolveFile } = openFolder(options.folder, { index: "index.html" });
    registry.register("hq-interop", new HqFactory(resolveFile));
  }
  for (const [alpn, app] of Object.entries(options.apps ?? {})) registry.register(alpn, app);
  const server = await new QuicServer(registry, {
    engine: { ...engine, ...options.engine },
    shutdownGraceMs: 2000,
  }).start();
  requireBackend(backend, server.engineView?.backend ?? "none");
  return server;
}

/** On the backend that this run is about. */
export function newClient(): QuicClient {
  const backend = wantedBackend();
  return new QuicClient(backend === undefined ? {} : { backend });
}

/** To a server of ours, trusted. */
export function optionsTo(
  server: { port: number },
  alpn: string,
  more: Partial<ConnectOptions> = {},
): ConnectOptions {
  const { certPath } = testCertificate();
  return { host: "localhost", port: server.port, alpn, tls: { ca: certPath }, ...more };
}

/** Writes `bytes` on a new stream and reads to its end. */
export async function roundTrip(
  connection: QuicConnection,
  bytes: Uint8Array | string,
): Promise<Uint8Array> {
  const { send, receive } = await connection.openBidirectional();
  const given = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const [, got] = await Promise.all([send.write(given, true), readAll(receive)]);
  return got;
}

export async function readAll(
  chunks: AsyncIterable<{ bytes(): Uint8Array } | Uint8Array>,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    parts.push(chunk instanceof Uint8Array ? chunk : chunk.bytes());
  }
  return Buffer.concat(parts);
}

export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
