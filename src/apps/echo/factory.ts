/**
 * Echo: what comes on a bidirectional stream or in a datagram goes back, by reference. No payload
 * byte is touched or copied here; a full write side keeps the received chunks, so the peer meets
 * flow control.
 */
import type {
  AppEvent,
  ConnectionHandle,
  ConnectionSink,
  QuicAppFactory,
  SinkConnection,
} from "../../transport/app.ts";
import type { ChunkView } from "../../transport/chunk.ts";
import type {
  ReceiveStream,
  SendStream,
  StreamSink,
  TransportStream,
} from "../../transport/stream.ts";
import { EchoStream } from "./stream.ts";

export interface EchoCounters {
  streams: number;
  bytes: number;
  datagrams: number;
  /** The ring or the slab was full: datagrams are not promised to arrive (RFC 9221 §5). */
  datagramsDropped: number;
}

/** Reads what it cannot send back: a unidirectional stream of the peer's. */
const DISCARD: StreamSink = {
  onData() {},
  onReset() {},
  onStopped() {},
  onWritable() {},
  onConnectionClosed() {},
};

class EchoConnection implements ConnectionSink {
  readonly #connection: SinkConnection;
  readonly #counters: EchoCounters;
  #streams = 0;
  #stopping = false;

  constructor(connection: SinkConnection, counters: EchoCounters) {
    this.#connection = connection;
    this.#counters = counters;
  }

  onStream(stream: TransportStream): StreamSink {
    this.#counters.streams++;
    if (stream.send === null) return DISCARD;
    this.#streams++;
    return new EchoStream(stream, stream.send, this.#counters, () => this.#streamEnded());
  }

  onDatagram(chunk: ChunkView): void {
    const sent = this.#connection.sendDatagram(chunk);
    if (typeof sent === "number") this.#counters.datagrams++;
    else this.#counters.datagramsDropped++;
  }

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

export class EchoFactory implements QuicAppFactory {
  /** Over all connections of this app thread. */
  readonly counters: EchoCounters = { streams: 0, bytes: 0, datagrams: 0, datagramsDropped: 0 };

  acceptsAlpn(alpn: string): boolean {
    return alpn === "echo";
  }

  attach(connection: SinkConnection): ConnectionSink {
    return new EchoConnection(connection, this.counters);
  }

  /** The same in the style of a task, for a transport that has no fast path. */
  async spawnApp(
    _alpn: string,
    handle: ConnectionHandle,
    events: AsyncIterable<AppEvent>,
  ): Promise<void> {
    for await (const event of events) {
      if (event.type === "Datagram") {
        handle.sendDatagram(event.chunk.bytes());
        event.chunk.release();
      } else if (event.type === "NewStream" && event.send !== null) {
        void echoTask(event.receive, event.send).catch(() => {});
      }
    }
  }
}

async function echoTask(receive: ReceiveStream, send: SendStream): Promise<void> {
  for await (const chunk of receive) await send.write(chunk.retain());
  send.finish();
}
