/**
 * One app thread in a Bun Worker, as the server sees it. A thread that crashes or is terminated
 * ends nothing but its own connections: it is started again, each time later while it keeps
 * failing.
 */
import type { AppThreadStart, FromAppThread } from "./app_thread_protocol.ts";

const ENTRY = new URL("./app_thread_entry.ts", import.meta.url).href;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5000;
/** A thread that ran so long starts again without delay. */
const HEALTHY_MS = 10_000;
/** Beyond the time that its connections have. */
const FINISH_SLACK_MS = 1000;

export class AppThread {
  readonly #order: AppThreadStart;
  readonly #onStopRequested: () => void;
  readonly #ready = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<void>();
  #worker: Worker | null = null;
  #backoffMs = BACKOFF_MIN_MS;
  #startedAt = 0;
  #wasReady = false;
  #ending = false;

  constructor(order: AppThreadStart, onStopRequested: () => void) {
    this.#order = order;
    this.#onStopRequested = onStopRequested;
    this.#start();
  }

  /** Resolves when it serves; rejects when its first start fails. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Lets its connections finish, at most `timeoutMs`, then ends the Worker. */
  async finish(timeoutMs: number): Promise<void> {
    this.#ending = true;
    const worker = this.#worker;
    if (worker === null) return;
    worker.postMessage({ type: "finish", timeoutMs });
    await Promise.race([this.#finished.promise, Bun.sleep(timeoutMs + FINISH_SLACK_MS)]);
    worker.terminate();
  }

  /** Ends the Worker now, for good. */
  end(): void {
    this.#ending = true;
    this.#finished.resolve();
    this.#worker?.terminate();
  }

  #start(): void {
    const worker = new Worker(ENTRY);
    this.#worker = worker;
    this.#startedAt = performance.now();
    worker.onmessage = ({ data: news }: MessageEvent<FromAppThread>) => this.#hear(news);
    worker.onerror = (event) => {
      event.preventDefault();
      console.error(`quicd: app thread ${this.#order.app}: ${event.message}`);
      worker.terminate();
    };
    worker.addEventListener("close", () => this.#ended(worker));
    worker.postMessage(this.#order);
  }

  #hear(news: FromAppThread): void {
    switch (news.type) {
      case "ready":
        this.#wasReady = true;
        this.#ready.resolve();
        break;
      case "failed":
        if (this.#wasReady) console.error(`quicd: app thread ${this.#order.app}: ${news.reason}`);
        this.#ready.reject(new Error(news.reason));
        this.#worker?.terminate();
        break;
      case "stop-requested":
        this.#onStopRequested();
        break;
      case "finished":
        this.#finished.resolve();
        break;
    }
  }

  #ended(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.#finished.resolve();
    if (this.#ending || !this.#wasReady) {
      this.#ready.reject(new Error(`app thread ${this.#order.app} ended before it served`));
      return;
    }
    const healthy = performance.now() - this.#startedAt > HEALTHY_MS;
    this.#backoffMs = healthy ? BACKOFF_MIN_MS : Math.min(BACKOFF_MAX_MS, this.#backoffMs * 2);
    setTimeout(() => {
      if (!this.#ending) this.#start();
    }, this.#backoffMs);
  }
}
