/**
 * The calling JavaScript thread as an app thread of an engine: attached, served by a dispatcher,
 * detached.
 */
import type { EngineView } from "../native/addon.ts";
import { mapAttachment } from "../native/attachment.ts";
import { loadLibrary } from "../native/library.ts";
import { Dispatcher, type DispatcherOptions } from "./dispatcher.ts";

/** While workers still clean up after the last thread that had the place. */
const ATTACH_RETRY_MS = 10;
const ATTACH_TRIES = 500;

/** For CONNECTION_CLOSE to leave and its draining period (RFC 9000 §10.2) to pass. */
const CLOSE_MS = 500;

export class AttachedApp {
  readonly dispatcher: Dispatcher;
  readonly #handle: number;
  #attached = true;

  private constructor(dispatcher: Dispatcher, handle: number) {
    this.dispatcher = dispatcher;
    this.#handle = handle;
  }

  /**
   * @param engine `EngineView.engine`.
   * @throws Error when the place is taken, or not free again in 5 s.
   */
  static async attach(
    engine: number,
    app: number,
    options: DispatcherOptions,
  ): Promise<AttachedApp> {
    const { addon, calls } = loadLibrary();
    const view: EngineView = addon.view(engine);
    let dispatcher: Dispatcher | null = null;
    const bell = () => dispatcher?.bell();
    for (let tries = 0; tries < ATTACH_TRIES; tries++) {
      const handle = addon.attach(engine, app, bell);
      if (handle === null) {
        await Bun.sleep(ATTACH_RETRY_MS);
        continue;
      }
      dispatcher = new Dispatcher(mapAttachment(calls, view, app, handle), options);
      dispatcher.bell();
      return new AttachedApp(dispatcher, handle);
    }
    throw new Error(`app thread ${app} of the server is still being cleaned up after 5 s`);
  }

  /** Whether the attachment keeps the event loop alive. */
  ref(on: boolean): void {
    if (this.#attached) loadLibrary().addon.ref(this.#handle, on);
  }

  /** Tells every connection to finish, waits for that at most `timeoutMs`, closes what is left. */
  async finish(timeoutMs: number): Promise<void> {
    const { dispatcher } = this;
    dispatcher.shutDown();
    await dispatcher.idle(timeoutMs);
    if (!this.#attached || dispatcher.liveConnections === 0) return;
    dispatcher.closeAll();
    await dispatcher.idle(CLOSE_MS);
  }

  /** No event comes after it; connections that are left are closed by their workers. */
  detach(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.dispatcher.close();
    loadLibrary().addon.detach(this.#handle);
  }
}
