/** `quicd serve`: from the command line to a server that runs until it is asked to stop. */
import { AccessLog } from "./access_log.ts";
import type { ServeInvocation } from "./arguments.ts";
import { type BannerFacts, bannerText } from "./banner.ts";
import { type ChosenCertificate, chooseCertificate } from "./certificate.ts";
import type { CliServer } from "./cli_server.ts";
import { startServer } from "./compose.ts";
import { ExitCode } from "./exit_code.ts";
import { styleFor } from "./style.ts";
import { chooseSubject, type Subject } from "./subject.ts";
import { VERSION } from "./version.ts";

/** Resolves with the exit code when the server has stopped. @throws {UserError} */
export async function serveUntilStopped(invocation: ServeInvocation): Promise<number> {
  const subject = await chooseSubject(invocation, process.env);
  const certificate = chooseCertificate(subject.config);
  const output = Bun.stdout.writer();
  const log = subject.config.http.log ? new AccessLog(output) : null;
  const server = await startServer(subject, certificate, log);
  output.write(
    bannerText(factsOf(subject, certificate, server), styleFor(process.stdout, process.env)),
  );
  await output.flush();
  server.onStopping = () => process.stderr.write(stoppingText(subject));

  await server.closed;
  log?.flush();
  await output.end();
  return ExitCode.Ok;
}

function stoppingText({ config }: Subject): string {
  const seconds = config.apps.shutdown_grace_ms / 1000;
  return `stopping: open requests have ${seconds} s; Ctrl-C again ends at once\n`;
}

function factsOf(
  { name, config }: Subject,
  certificate: ChosenCertificate,
  server: CliServer,
): BannerFacts {
  const engine = server.engineView;
  if (engine === null) throw new Error("a started server has no engine");
  const least = (sizes: number[]) => Math.min(...sizes);
  const warnings = [...certificate.warnings];
  if (config.apps.threads > 0 && config.http.log) {
    warnings.push("app threads write no line per request");
  }
  return {
    version: VERSION,
    serving: name,
    host: config.netio.host,
    port: server.port,
    backend: engine.backend,
    backendNote: engine.backendNote,
    routing: engine.routing,
    routingNote: engine.routingNote,
    workers: engine.workers.length,
    pinned: engine.workers.every(({ cpu }) => cpu >= 0),
    gro: engine.gro,
    gso: engine.gso,
    receiveBufferBytes: least(engine.workers.map((worker) => worker.receiveBufferBytes)),
    sendBufferBytes: least(engine.workers.map((worker) => worker.sendBufferBytes)),
    askedBufferBytes: config.netio.socket_buffer_bytes,
    appThreads: config.apps.threads,
    alpns: server.alpns,
    development: certificate.development,
    warnings,
  };
}
