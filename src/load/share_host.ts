/** A share of a run, on this thread or on a Bun Worker of its own. */
import type { LoadPlan } from "./plan.ts";
import { Share, type ShareResult } from "./share.ts";
import type { FromShare, ToShare } from "./share_protocol.ts";

export interface ShareProgress {
  operations: number;
  errors: number;
}

export interface ShareHost {
  readonly progress: ShareProgress;
  run(): Promise<ShareResult>;
  stop(): void;
  close(): Promise<void>;
}

/** @throws ConnectError, or Error with the share's own words */
export async function startHere(plan: LoadPlan): Promise<ShareHost> {
  const share = await Share.start(plan);
  return {
    get progress() {
      const { operations, errorCount, lost } = share.tally;
      return { operations, errors: errorCount + lost };
    },
    run: () => share.run(),
    stop: () => share.stop(),
    close: () => share.close(),
  };
}

/** What went wrong on another thread. */
export class ShareError extends Error {
  override readonly name = "ShareError";
  constructor(
    message: string,
    /** The server's certificate is not trusted. */
    readonly untrusted: boolean,
  ) {
    super(message);
  }
}

export class ShareThread implements ShareHost {
  progress: ShareProgress = { operations: 0, errors: 0 };
  readonly #worker: Worker;
  #ready = Promise.withResolvers<void>();
  #result = Promise.withResolvers<ShareResult>();
  #closed = Promise.withResolvers<void>();

  private constructor() {
    this.#worker = new Worker(new URL("./share_thread_entry.ts", import.meta.url).href);
    this.#worker.onmessage = ({ data }: MessageEvent<FromShare>) => this.#onMessage(data);
    this.#worker.onerror = ({ message }) => this.#onError(new ShareError(message, false));
    this.#result.promise.catch(() => {});
  }

  static async start(plan: LoadPlan): Promise<ShareHost> {
    const thread = new ShareThread();
    thread.#say({ type: "start", plan });
    await thread.#ready.promise;
    return thread;
  }

  run(): Promise<ShareResult> {
    this.#say({ type: "run" });
    return this.#result.promise;
  }

  stop(): void {
    this.#say({ type: "stop" });
  }

  async close(): Promise<void> {
    this.#say({ type: "close" });
    await this.#closed.promise;
    this.#worker.terminate();
  }

  #say(message: ToShare): void {
    this.#worker.postMessage(message);
  }

  #onMessage(message: FromShare): void {
    if (message.type === "ready") this.#ready.resolve();
    else if (message.type === "progress") this.progress = message.progress;
    else if (message.type === "result") this.#result.resolve(message.result);
    else if (message.type === "closed") this.#closed.resolve();
    else this.#onError(new ShareError(message.text, message.untrusted));
  }

  #onError(error: ShareError): void {
    this.#ready.reject(error);
    this.#result.reject(error);
    this.#closed.resolve();
  }
}
