/** A connection without a protocol of its own: events go to one sink. */
import { assert } from "../assert.ts";
import type { ConnectionSink, QuicAppFactory } from "../transport/app.ts";
import type { StreamSink } from "../transport/stream.ts";

/** An echo server opens no streams; what comes all the same is read and forgotten. */
export const IGNORED_STREAM: StreamSink = {
  onData() {},
  onReset() {},
  onStopped() {},
  onWritable() {},
  onConnectionClosed() {},
};

export class RawFactory implements QuicAppFactory {
  readonly #sink: ConnectionSink;

  constructor(sink: ConnectionSink) {
    this.#sink = sink;
  }

  acceptsAlpn(): boolean {
    return true;
  }

  attach(): ConnectionSink {
    return this.#sink;
  }

  async spawnApp(): Promise<void> {
    assert(false, "it is attached, never spawned");
  }
}
