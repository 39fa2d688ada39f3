/**
 * HTTP/0.9 over QUIC, as the interop tests speak it (ALPN `hq-interop`): `GET /path\r\n` on a
 * client's bidirectional stream, answered by the bare bytes of the file and FIN.
 */
import type {
  ConnectionHandle,
  ConnectionSink,
  QuicAppFactory,
  SinkConnection,
} from "../../transport/app.ts";
import type { FileSource } from "../../transport/body_source.ts";
import type { StreamSink, TransportStream } from "../../transport/stream.ts";
import { HqStream } from "./stream.ts";

/**
 * Where files come from: a path that begins with "/", no further than that checked. Null: there is
 * none.
 */
export type HqResolve = (path: string) => FileSource | null | Promise<FileSource | null>;

class HqConnection implements ConnectionSink {
  readonly #connection: ConnectionHandle;
  readonly #resolve: HqResolve;
  #streams = 0;
  #stopping = false;

  constructor(connection: ConnectionHandle, resolve: HqResolve) {
    this.#connection = connection;
    this.#resolve = resolve;
  }

  onStream(stream: TransportStream): StreamSink {
    this.#streams++;
    return new HqStream(stream, this.#resolve, () => this.#streamEnded());
  }

  onDatagram(): void {}

  onShutdown(): void {
    this.#stopping = true;
    if (this.#streams === 0) this.#connection.closeWhenDelivered(0);
  }

  onClosed(): void {}

  #streamEnded(): void {
    this.#streams--;
    if (this.#stopping && this.#streams === 0) this.#connection.closeWhenDelivered(0);
  }
}

export class HqFactory implements QuicAppFactory {
  readonly #resolve: HqResolve;

  constructor(resolve: HqResolve) {
    this.#resolve = resolve;
  }

  acceptsAlpn(alpn: string): boolean {
    return alpn === "hq-interop";
  }

  attach(connection: SinkConnection): ConnectionSink {
    return new HqConnection(connection, this.#resolve);
  }

  async spawnApp(): Promise<void> {
    throw new Error("hq-interop is served by attach");
  }
}
