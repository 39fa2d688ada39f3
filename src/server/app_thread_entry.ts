/**
 * Runs in a Bun Worker: imports the app module, attaches as one app thread of the engine, serves
 * until told to finish. Module state is per thread.
 */
import { H3Factory } from "../apps/h3/factory.ts";
import { installKnownResponse } from "../apps/h3/globals.ts";
import type { H3Handler, ServerFacade } from "../apps/h3/handler.ts";
import { connectionOf } from "../apps/h3/request.ts";
import { AttachedApp } from "../transport/attached_app.ts";
import { AppRegistry } from "../transport/registry.ts";
import type { AppThreadStart, FromAppThread, ToAppThread } from "./app_thread_protocol.ts";
import { factoryFor } from "./factories.ts";

declare const self: Worker;

let attached: AttachedApp | null = null;

function say(message: FromAppThread): void {
  self.postMessage(message);
}

async function importHandler(module: string): Promise<H3Handler> {
  installKnownResponse();
  const exported: { default?: H3Handler } = await import(module);
  const handler = exported.default;
  if (typeof handler?.fetch === "function" || typeof handler?.lean === "function") return handler;
  throw new TypeError(`${module} needs a default export with fetch(request, server)`);
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
  const { maxRequestBodyBytes } = order;
  const h3 = new H3Factory(handler, { serverFacade: facade, maxRequestBodyBytes });
  const registry = new AppRegistry();
  for (const alpn of order.alpns) registry.register(alpn, factoryFor(alpn, h3));
  attached = await AttachedApp.attach(order.engine, order.app, {
    registry: registry.freeze(),
    streamChunks: order.streamChunks,
    closingGraceMs: order.closingGraceMs,
    poison: process.env.QUICD_DEBUG_LEASES === "1",
    onStopRequested: () => say({ type: "stop-requested" }),
  });
  say({ type: "ready" });
}

async function finish(timeoutMs: number): Promise<void> {
  await attached?.finish(timeoutMs);
  attached?.detach();
  say({ type: "finished" });
}

self.onmessage = ({ data: order }: MessageEvent<ToAppThread>) => {
  const done = order.type === "start" ? start(order) : finish(order.timeoutMs);
  done.catch((error: unknown) => {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say({ type: "failed", reason });
  });
};
