/** What `serve` takes: the shape of `Bun.serve`, and what is ours. */
import { engineOptions } from "../cli/engine_options.ts";
import { configSchema } from "../config/schema.ts";
import { chooseWorkers, usableCpus } from "../config/workers.ts";
import type { EngineOptions } from "../native/addon.ts";
import type { AppRegistry } from "../transport/registry.ts";
import type { AppHandler } from "./app_handler.ts";
import type { TlsOptions } from "./tls.ts";

export interface ServeOptions extends AppHandler {
  /** UDP. 0: the kernel chooses. Default 4433. */
  port?: number;
  /** Numeric address or "localhost". Default "::", both families. */
  hostname?: string;
  /** Default: the development certificate, self-signed and kept between starts. */
  tls?: TlsOptions;
  /** Protocols of one's own; HTTP/3 is added to them when there is a handler. */
  registry?: AppRegistry;
  /**
   * Module whose default export has `fetch`: what more than one thread needs, as functions cannot
   * cross.
   */
  app?: string;
  /** Bun Workers that each import `app`; 0 (default): this thread runs it. */
  appThreads?: number;
  /** Native threads; default: one per usable CPU, at least 2. */
  workers?: number;
  backend?: EngineOptions["backend"];
  /** Default "auto": eBPF where it is allowed, else "forward". */
  routing?: "auto" | "ebpf" | "forward";
  /** What the handler is offered as, in order of preference. Default ["h3"]. */
  alpn?: string[];
  /** Seconds without a packet until a connection ends. Default 30. */
  idleTimeout?: number;
  /** Bytes; default 128 MiB. */
  maxRequestBodySize?: number;
  /** What connections have left when the server stops, milliseconds. Default 30,000. */
  shutdownGraceMs?: number;
  /** SIGINT and SIGTERM stop the server gracefully. Default false. */
  signals?: boolean;
}

export const DEFAULT_REQUEST_BODY_BYTES = 128 * 1024 * 1024;
export const SHUTDOWN_GRACE_MS = 30_000;

function present<Value>(name: string, value: Value | undefined): Record<string, Value> {
  return value === undefined ? {} : { [name]: value };
}

/** @throws ZodError naming the option that is out of range. */
export function engineOptionsOf(
  options: ServeOptions,
  certificate: { certificatePem: string; privateKeyPem: string },
): Omit<EngineOptions, "alpn"> {
  const { port, hostname, workers, backend, routing, idleTimeout } = options;
  const config = configSchema.parse({
    netio: {
      ...present("host", hostname),
      ...present("port", port),
      ...present("workers", workers),
      ...present("backend", backend),
      ...present("routing", routing),
    },
    quic: present(
      "idle_timeout_ms",
      idleTimeout === undefined ? undefined : Math.round(idleTimeout * 1000),
    ),
    apps: present("threads", options.appThreads),
  });
  const chosen = chooseWorkers(config.netio, usableCpus());
  return engineOptions(config, {
    ...chosen,
    certificate,
    secret: null,
    alpns: [],
  });
}
