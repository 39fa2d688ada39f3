/**
 * Runs in a Bun Worker: imports the app module, attaches as one app thread of the engine, serves
 * until told to finish. Module state is per thread.
 */
import { H3Factory } from "../apps/h3/factory.ts";
import type { H3Options, ServerFacade } from "../apps/h3/handler.ts";
import { connectionOf } from "../apps/h3/request.ts";
import { AccessLog } from "../cli/access_log.ts";
import { AttachedApp } from "../transport/attached_app.ts";
import { AppRegistry } from "../transport/registry.ts";
import { importHandler } from "./app_handler.ts";
import type { AppThreadStart, FromAppThread, ToAppThread } from "./app_thread_protocol.ts";
import { factoryFor } from "./factories.ts";

declare const self: Worker;

/** A batch of lines goes at once when it is so long. */
const LOG_BATCH_CHARACTERS = 64 * 1024;

let attached: AttachedApp | null = null;
let log: AccessLog | null = null;

function say(message: FromAppThread): void {
  self.postMessage(message);
}

/** One thread writes the lines of all: those of several writers would run into each other. */
class BatchSink {
  #lines = "";

  write(line: string): void {
    this.#lines += line;
    if (this.#lines.length >= LOG_BATCH_CHARACTERS) this.flush();
  }

  flush(): void {
    if (this.#lines !== "") say({ type: "log", lines: this.#lines });
    this.#lines = "";
  }
}

async function start(order: AppThreadStart): Promise<void> {
  const handler = await importHandler(order.module);
  const url = new URL(order.url);
  const facade: ServerFacade = {
    url,
    port: Number(url.port),
    get pendingRequests() {
      return h3.pendingRequests;
    },
    requestIP: (request) => connectionOf(request)?.peerAddress ?? null,
  };
  const h3 = new H3Factory(handler, h3Options(order, facade));
  const registry = new AppRegistry();
  for (const alpn of order.alpns) registry.register(alpn, factoryFor(alpn, h3, handler));
  attached = await AttachedApp.attach(order.engine, order.app, {
    registry: registry.freeze(),
    streamChunks: order.streamChunks,
    closingGraceMs: order.closingGraceMs,
    poison: process.env.QUICD_DEBUG_LEASES === "1",
    onStopRequested: () => say({ type: "stop-requested" }),
  });
  say({ type: "ready" });
}

function h3Options(order: AppThreadStart, serverFacade: ServerFacade): H3Options {
  const { maxRequestBodyBytes } = order;
  const options: H3Options = { serverFacade, maxRequestBodyBytes };
  if (order.log) {
    const lines = new AccessLog(new BatchSink());
    log = lines;
    options.onRequest = (info) => lines.record(info);
  }
  return options;
}

async function finish(timeoutMs: number): Promise<void> {
  await attached?.finish(timeoutMs);
  attached?.detach();
  log?.flush();
  say({ type: "finished" });
}

function reasonOf(error: unknown): string {
  if (error instanceof BuildMessage && error.position !== null) {
    const { file, line, column } = error.position;
    return `${error.name}: ${error.message}\n    at ${file}:${line}:${column}`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

self.onmessage = ({ data: order }: MessageEvent<ToAppThread>) => {
  const done = order.type === "start" ? start(order) : finish(order.timeoutMs);
  done.catch((error: unknown) => {
    say({ type: "failed", reason: reasonOf(error) });
  });
};
