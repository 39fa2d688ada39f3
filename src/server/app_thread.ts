/**
 * One app thread in a Bun Worker, as the server sees it. A thread that crashes or is terminated
 * ends nothing but its own connections: it is started again, each time later while it keeps
 * failing.
 */

import { type FailureLog, oneLine } from "../telemetry/failure_log.ts";
import type { AppThreadStart, FromAppThread } from "./app_thread_protocol.ts";
import {
  type AppThreadInput,
  type AppThreadState,
  type AppThreadView,
  nextThreadState,
} from "./app_thread_view.ts";
import { Backoff } from "./backoff.ts";
import { within } from "./within.ts";

const ENTRY = new URL("./app_thread_entry.ts", import.meta.url).href;
/** Beyond the time that its connections have. */
const FINISH_SLACK_MS = 1000;

export interface AppThreadOwner {
  /** Of all app threads of the server. */
  readonly failures: FailureLog;
  onStopRequested(): void;
  /** Whole lines of the access log. */
  onLog(lines: string): void;
}

export class AppThread {
  readonly #order: AppThreadStart;
  readonly #owner: AppThreadOwner;
  readonly #ready = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<void>();
  readonly #backoff = new Backoff();
  #worker: Worker | null = null;
  #state: AppThreadState = "starting";
  #retry: Timer | null = null;
  #restarts = 0;
  #servingSinceMs = 0;
  /** What it said of its end, one line. */
  #reason: string | null = null;
  #lastFailure: string | null = null;

  constructor(order: AppThreadStart, owner: AppThreadOwner) {
    this.#order = order;
    this.#owner = owner;
    this.#start();
  }

  get app(): number {
    return this.#order.app;
  }

  /** How it is now. */
  get view(): AppThreadView {
    return {
      app: this.app,
      state: this.#state,
      restarts: this.#restarts,
      failures: this.#backoff.failures,
      lastFailure: this.#lastFailure,
    };
  }

  /** Resolves when it serves; rejects when its first start fails. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Lets its connections finish, at most `timeoutMs`, then ends the Worker. */
  async finish(timeoutMs: number): Promise<void> {
    const worker = this.#endRestarts();
    if (worker === null) return;
    worker.postMessage({ type: "finish", timeoutMs });
    await within(timeoutMs + FINISH_SLACK_MS, [this.#finished.promise]);
    worker.terminate();
  }

  /** Ends the Worker now, for good. */
  end(): void {
    this.#endRestarts()?.terminate();
    this.#finished.resolve();
  }

  /** Ends the Worker now, as a crash would. */
  fail(): void {
    this.#reason ??= "terminated";
    this.#worker?.terminate();
  }

  #start(): void {
    const worker = new Worker(ENTRY, { name: `app thread ${this.app}` });
    this.#worker = worker;
    this.#reason = null;
    worker.onmessage = ({ data: news }: MessageEvent<FromAppThread>) => {
      if (worker === this.#worker) this.#hear(news);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#reason ??= oneLine(event.message);
      worker.terminate();
    };
    worker.addEventListener("close", (event) => this.#ended(event));
    worker.postMessage(this.#order);
  }

  #hear(news: FromAppThread): void {
    switch (news.type) {
      case "ready":
        this.#move("ready");
        this.#servingSinceMs = performance.now();
        this.#ready.resolve();
        break;
      case "failed":
        this.#reason ??= oneLine(news.reason);
        this.#ready.reject(new Error(news.reason));
        this.#worker?.terminate();
        break;
      case "stop-requested":
        this.#owner.onStopRequested();
        break;
      case "log":
        this.#owner.onLog(news.lines);
        break;
      case "finished":
        this.#finished.resolve();
        break;
    }
  }

  #ended(event: Event): void {
    const code = "code" in event ? ` with code ${event.code}` : "";
    const reason = this.#reason ?? `its Worker ended${code}`;
    const served = this.#state === "serving";
    this.#worker = null;
    this.#finished.resolve();
    /* Who waits for the first start is told, and there is no second one. */
    if (this.#state === "starting" && this.#restarts === 0) this.#move("finish");
    this.#ready.reject(new Error(`app thread ${this.app}: ${reason}`));
    if (this.#move("ended") === "over") return;
    const delayMs = this.#backoff.next(served ? performance.now() - this.#servingSinceMs : 0);
    this.#lastFailure = reason;
    const next = `starts again in ${delayMs} ms`;
    this.#owner.failures.report(`quicd: app thread ${this.app} failed: ${reason}; ${next}`);
    this.#retry = setTimeout(() => this.#startAgain(), delayMs);
  }

  #startAgain(): void {
    this.#move("retry");
    this.#restarts++;
    this.#start();
  }

  /** Returns what is to be ended. */
  #endRestarts(): Worker | null {
    this.#move("finish");
    if (this.#retry !== null) clearTimeout(this.#retry);
    return this.#worker;
  }

  #move(input: AppThreadInput): AppThreadState {
    this.#state = nextThreadState(this.#state, input);
    return this.#state;
  }
}
