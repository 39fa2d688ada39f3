/** The server of the command line: it says when it stops, whoever asked for it. */
import { QuicServer, type QuicServerOptions } from "../server.ts";
import type { AppRegistry } from "../transport/registry.ts";

export class CliServer extends QuicServer {
  readonly #registry: AppRegistry;
  /** Called once, when a stop begins that was not ours from a failed start. */
  onStopping: (() => void) | null = null;

  constructor(registry: AppRegistry, options: QuicServerOptions) {
    super(registry, options);
    this.#registry = registry;
  }

  /** What is offered, in order of preference. */
  get alpns(): readonly string[] {
    return this.#registry.alpns;
  }

  override stop(force = false): Promise<void> {
    this.onStopping?.();
    this.onStopping = null;
    return super.stop(force);
  }
}
