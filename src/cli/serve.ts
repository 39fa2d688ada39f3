/** `quicd serve`: from the command line to a server that runs until it is asked to stop. */
import type { Config } from "../config.ts";
import type { EngineView } from "../native/addon.ts";
import type { RunningServer } from "../server.ts";
import { AccessLog } from "./access_log.ts";
import type { ServeInvocation } from "./arguments.ts";
import { type BannerFacts, bannerText } from "./banner.ts";
import { type ChosenCertificate, chooseCertificate } from "./certificate.ts";
import { startServer } from "./compose.ts";
import { unheeded } from "./compose_bun.ts";
import { openControl } from "./control.ts";
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
  const warn = (line: string) => void process.stderr.write(`${line}\n`);
  const control = await openControl(subject.config, server, process.env, warn).catch(
    async (error) => {
      await server.stop(true);
      throw error;
    },
  );
  output.write(
    bannerText(factsOf(subject, certificate, server), styleFor(process.stdout, process.env)),
  );
  await output.flush();
  void server.stopping.then(() => process.stderr.write(stoppingText(subject)));

  await server.closed;
  control?.stop();
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
  server: RunningServer,
): BannerFacts {
  const { engineView: engine } = server;
  const part = engine === null ? bunFacts(config) : engineFacts(engine);
  return {
    version: VERSION,
    serving: name,
    host: config.netio.host,
    port: server.port,
    ...part,
    askedBufferBytes: config.netio.socket_buffer_bytes,
    appThreads: config.apps.threads,
    alpns: server.alpns,
    development: certificate.development,
    warnings: [...certificate.warnings, ...part.warnings],
  };
}

type EngineFacts = Pick<
  BannerFacts,
  | ("backend" | "backendNote" | "routing" | "routingNote" | "workers" | "pinned" | "gro" | "gso")
  | ("receiveBufferBytes" | "sendBufferBytes" | "warnings")
>;

function engineFacts(engine: EngineView): EngineFacts {
  const least = (sizes: number[]) => Math.min(...sizes);
  const { backend, backendNote, routing, routingNote, privilegeNote, workers, gro, gso } = engine;
  return {
    ...{ backend, backendNote, routing, routingNote, gro, gso },
    workers: workers.length,
    pinned: workers.every(({ cpu }) => cpu >= 0),
    receiveBufferBytes: least(workers.map((worker) => worker.receiveBufferBytes)),
    sendBufferBytes: least(workers.map((worker) => worker.sendBufferBytes)),
    warnings: privilegeNote === "" ? [] : [privilegeNote],
  };
}

/** Why it is Bun's has been said on standard error. */
function bunFacts(config: Config): EngineFacts {
  const names = unheeded(config);
  return {
    ...{ backend: "Bun.serve", backendNote: "", routing: "", routingNote: "" },
    ...{ workers: 0, pinned: false, gro: false, gso: false },
    ...{ receiveBufferBytes: 0, sendBufferBytes: 0 },
    warnings: names.length === 0 ? [] : [`Bun.serve does not heed ${names.join(", ")}`],
  };
}
