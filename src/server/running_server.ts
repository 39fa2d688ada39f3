/** What `serve` gives: a server that runs, on the native part or, where it is missing, on Bun. */
import type { ServerFacade } from "../apps/h3/handler.ts";
import type { EngineView, SteeringCounters } from "../native/addon.ts";
import type { Counters } from "../native/counters.ts";
import type { WhyList } from "../telemetry/why_desk.ts";
import type { WhyReport } from "../telemetry/why_report.ts";
import type { SocketAddress } from "../transport/app.ts";
import type { AppThreadView } from "./app_thread_view.ts";

export interface RunningServer extends ServerFacade, AsyncDisposable {
  readonly hostname: string;
  readonly address: SocketAddress;
  /** What is offered, in order of preference. */
  readonly alpns: readonly string[];
  /** Why Bun.serve serves in place of the native part, one line; null: it does not. */
  readonly fallback: string | null;
  /** What the native side made of the options; null without it. */
  readonly engineView: EngineView | null;
  /** Connections of this thread that are not over; null with Bun.serve, which does not tell. */
  readonly connections: number | null;
  /** Of Workers, by number; none when the calling thread runs the application. */
  readonly threads: readonly AppThreadView[];
  /** Of all workers since the start; null without the native part. */
  counters(): Counters | null;
  /**
   * What the live connection whose ID begins with `id` waits for (docs/observability.md); null:
   * there is none, or no native part.
   *
   * @throws RangeError when there are several, TypeError when `id` is not lower-case hex
   */
  why(id: string): Promise<WhyReport | null>;
  /** The same of all live connections, at most 256. */
  whyAll(): Promise<WhyList>;
  /** What the eBPF program did since the start; null without one. */
  steering(): SteeringCounters | null;
  /** The server alone keeps the process alive (the default). */
  ref(): void;
  /** The process may end although the server runs. */
  unref(): void;
  /** Resolves when a stop begins, whoever asked for it. */
  readonly stopping: Promise<void>;
  /** Resolves when the server has stopped, for whatever reason. */
  readonly closed: Promise<void>;
  /** Resolves when all is over. `force` waits for nobody. Also after an earlier, patient stop. */
  stop(force?: boolean): Promise<void>;
}

/** Where a client on this machine finds what listens there. */
export function urlOf(hostname: string, port: number): URL {
  const anyAddress = hostname === "::" || hostname === "0.0.0.0";
  const literal = hostname.includes(":") ? `[${hostname}]` : hostname;
  return new URL(`https://${anyAddress ? "localhost" : literal}:${port}/`);
}

export function addressOf(hostname: string, port: number): SocketAddress {
  return { family: hostname.includes(":") ? 6 : 4, address: hostname, port };
}
