/**
 * A server that says on request what it holds: each line on stdin is a question, answered by one
 * line of JSON on stdout. The first line says what the engine chose.
 *
 * Questions: `measure`; `collect` (garbage first); `attach` (a second app thread, in a Bun Worker;
 * answered when it serves), `begin` (not waiting for that), `terminate` (it, wherever it is;
 * answered when it is gone, which a server waits for before it starts a thread again); `block` (its
 * JavaScript from now on, for `BLOCK_MS`; answered before); `stop`.
 *
 * It speaks `h3`, and `echo` for who attacks the transport and wants no application's opinion.
 */
import { EchoFactory } from "../../../src/apps/echo/factory.ts";
import { H3Factory } from "../../../src/apps/h3/factory.ts";
import { loadLibrary } from "../../../src/native/library.ts";
import type { AppThreadStart, FromAppThread } from "../../../src/server/app_thread_protocol.ts";
import { engineOptionsOf } from "../../../src/server/options.ts";
import { readTls } from "../../../src/server/tls.ts";
import { QuicServer } from "../../../src/server.ts";
import { AppRegistry } from "../../../src/transport/registry.ts";
import {
  BLOCK_MS,
  type Chosen,
  type Measure,
  type MeasuredOptions,
} from "../../support/measured_server.ts";
import { residentBytes } from "../../support/process_usage.ts";
import { TimerLateness } from "../../support/timer_lateness.ts";
import sizedBody from "./sized_body.ts";

const ENTRY = new URL("../../../src/server/app_thread_entry.ts", import.meta.url).href;
/** This thread's place, and that of the Worker. */
const APPS = 2;

const options = JSON.parse(process.env.MEASURED_SERVER ?? "{}") as MeasuredOptions;
const tls = await readTls({ cert: options.certPath, key: options.keyPath });
const engine = engineOptionsOf(
  {
    port: 0,
    hostname: options.hostname,
    workers: options.workers,
    idleTimeout: options.idleTimeoutMs / 1000,
  },
  tls,
);
const registry = new AppRegistry();
registry.register("h3", new H3Factory(sizedBody));
registry.register("echo", new EchoFactory());
const server = new QuicServer(registry, {
  engine: { ...engine, ...choices(options), apps: APPS },
  shutdownGraceMs: 1000,
});
await server.start();
const lateness = options.pressure === true ? new TimerLateness() : null;
say(chosen());

/** `gone` resolves when the Worker has ended. */
const second = { worker: null as Worker | null, gone: Promise.resolve() };

function beginWorker(): Promise<void> {
  const ready = Promise.withResolvers<void>();
  const worker = new Worker(ENTRY);
  second.worker = worker;
  const gone = Promise.withResolvers<void>();
  second.gone = gone.promise;
  worker.addEventListener("close", () => gone.resolve());
  worker.onmessage = ({ data: news }: MessageEvent<FromAppThread>) => {
    if (news.type === "ready") ready.resolve();
    if (news.type === "failed") ready.reject(new Error(news.reason));
  };
  worker.postMessage({
    type: "start",
    engine: server.engineView!.engine,
    app: 1,
    module: import.meta.resolve("./sized_body.ts"),
    alpns: [...registry.alpns],
    streamChunks: engine.streamChunks,
    closingGraceMs: 1000,
    maxRequestBodyBytes: 1 << 20,
    url: server.url.href,
    log: false,
  } satisfies AppThreadStart);
  return ready.promise;
}

async function endWorker(): Promise<void> {
  second.worker?.terminate();
  await second.gone;
}

function choices(wanted: MeasuredOptions) {
  const { handshakeTimeoutMs, routing, backend, forwarding, retry } = wanted;
  const { connections, datagramQueue, secret } = wanted;
  return {
    handshakeTimeoutMs,
    connections: connections ?? engine.connections,
    datagramQueue: datagramQueue ?? engine.datagramQueue,
    secret: secret === undefined ? engine.secret : Uint8Array.fromHex(secret),
    routing: routing ?? engine.routing,
    backend: backend ?? engine.backend,
    forwarding: forwarding ?? engine.forwarding,
    retry: retry ?? engine.retry,
    earlyData: wanted.earlyData ?? engine.earlyData,
  };
}

function chosen(): Chosen {
  const { port, backend, backendNote, routing, routingNote, workers } = server.engineView!;
  const places = workers.map(({ cpu, threadId }) => ({ cpu, threadId }));
  return { port, backend, backendNote, routing, routingNote, workers: places };
}

function say(value: object): void {
  console.log(JSON.stringify(value));
}

function measure(): Measure {
  return {
    memory: loadLibrary().addon.memory(),
    counters: server.counters()!,
    steering: loadLibrary().addon.steering(server.engineView!.engine),
    residentBytes: residentBytes(process.pid),
    lateness: lateness?.read() ?? null,
  };
}

for await (const question of console) {
  if (question === "stop") break;
  if (question === "collect") Bun.gc(true);
  if (question === "attach") await beginWorker();
  if (question === "begin") void beginWorker().catch(() => {});
  if (question === "terminate") await endWorker();
  say(measure());
  if (question === "block") Bun.sleepSync(BLOCK_MS);
}
second.worker?.terminate();
await server.stop();
process.exit(0);
