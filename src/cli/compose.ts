/** Builds the server that the configuration describes, and starts it. */
import type { H3Options } from "../apps/h3/handler.ts";
import { chooseWorkers, usableCpus } from "../config/workers.ts";
import { UserError } from "../config.ts";
import { missingNative } from "../server/fallback.ts";
import { QuicServer, type QuicServerOptions, type RunningServer } from "../server.ts";
import { standardError } from "../telemetry/failure_log.ts";
import { readSecret, readTicketKeys } from "../tls/certificate_files.ts";
import { AppRegistry } from "../transport/registry.ts";
import type { AccessLog } from "./access_log.ts";
import type { ChosenCertificate } from "./certificate.ts";
import { startOnBun } from "./compose_bun.ts";
import { engineOptions } from "./engine_options.ts";
import { registerApps } from "./registry.ts";
import type { Subject } from "./subject.ts";
import { announceThreadSubject } from "./thread_subject.ts";

/** @throws {UserError} with cause and remedy: port in use, native library missing, failing app */
export async function startServer(
  subject: Subject,
  certificate: ChosenCertificate,
  log: AccessLog | null,
): Promise<RunningServer> {
  try {
    const missing = missingNative();
    if (missing !== null) return await startOnBun(subject, certificate, log, missing);
    return await startNatively(subject, certificate, log);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(error instanceof Error ? error.message : String(error), 1);
  }
}

async function startNatively(
  subject: Subject,
  certificate: ChosenCertificate,
  log: AccessLog | null,
): Promise<QuicServer> {
  const { config } = subject;
  const registry = new AppRegistry();
  const server = new QuicServer(registry, serverOptions(subject, certificate, log));
  const options: H3Options = {
    serverFacade: server,
    maxRequestBodyBytes: config.http.max_body_bytes,
    onError: (error, connectionId) =>
      standardError.report(`connection ${connectionId}: ${Bun.inspect(error)}`),
  };
  if (log !== null) options.onRequest = (info) => log.record(info);
  registerApps(registry, subject, options);
  return await server.start();
}

function serverOptions(
  subject: Subject,
  certificate: ChosenCertificate,
  log: AccessLog | null,
): QuicServerOptions {
  const { config, app, folder } = subject;
  const { threads, shutdown_grace_ms: shutdownGraceMs } = config.apps;
  const { secret_file: secretFile, ticket_keys_file: ticketKeysFile } = config.tls;
  const engine = engineOptions(config, {
    ...chooseWorkers(config.netio, usableCpus()),
    certificate: certificate.pair,
    secret: secretFile === "" ? null : readSecret(secretFile),
    ticketKeys: ticketKeysFile === "" ? null : readTicketKeys(ticketKeysFile),
    alpns: [],
  });
  const options: QuicServerOptions = { engine, shutdownGraceMs, signals: true };
  if (threads > 0) {
    announceThreadSubject({ app: app?.path ?? "", folder, index: config.http.index });
    const module = new URL("./thread_app.ts", import.meta.url).href;
    const maxRequestBodyBytes = config.http.max_body_bytes;
    const onLog = log === null ? {} : { onLog: (lines: string) => log.append(lines) };
    options.threads = { count: threads, module, maxRequestBodyBytes, ...onLog };
  }
  return options;
}
