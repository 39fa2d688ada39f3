/** A dispatcher over {@link FakeNative} with one recording sink per connection and stream. */
import {
  EVENT_CONNECTED,
  EVENT_STREAM_DATA,
  FLAG_FIN,
  FLAG_OPENED,
} from "../../src/native/abi.gen.ts";
import type {
  CloseInfo,
  ConnectionSink,
  QuicAppFactory,
  SinkConnection,
} from "../../src/transport/app.ts";
import type { Chunk, ChunkView } from "../../src/transport/chunk.ts";
import { Dispatcher, type DispatcherOptions } from "../../src/transport/dispatcher.ts";
import { AppRegistry } from "../../src/transport/registry.ts";
import type { StreamSink, TransportStream } from "../../src/transport/stream.ts";
import { FakeNative } from "./fake_native.ts";

export class RecordingStream implements StreamSink {
  readonly calls: string[] = [];
  readonly chunks: Chunk[] = [];
  keep = false;
  failOnData = false;
  onWritableHook: (() => void) | null = null;

  constructor(readonly stream: TransportStream) {}

  onData(chunk: ChunkView, fin: boolean): void {
    const text = new TextDecoder().decode(
      chunk.memory.slice(chunk.offset, chunk.offset + chunk.length),
    );
    this.calls.push(`data ${text}${fin ? " fin" : ""}`);
    if (this.keep) this.chunks.push(chunk.retain());
    if (this.failOnData) throw new Error("sink failed on purpose");
  }

  onReset(code: number): void {
    this.calls.push(`reset ${code}`);
  }

  onStopped(code: number): void {
    this.calls.push(`stopped ${code}`);
  }

  onWritable(): void {
    this.calls.push("writable");
    this.onWritableHook?.();
  }

  onConnectionClosed(): void {
    this.calls.push("connection closed");
  }
}

export class RecordingConnection implements ConnectionSink {
  readonly calls: string[] = [];
  readonly streams: RecordingStream[] = [];
  onStreamHook: ((stream: RecordingStream) => void) | null = null;
  onDatagramHook: ((chunk: ChunkView) => void) | null = null;

  constructor(readonly connection: SinkConnection) {}

  onStream(stream: TransportStream): StreamSink {
    this.calls.push(`stream ${stream.id}`);
    const sink = new RecordingStream(stream);
    this.streams.push(sink);
    this.onStreamHook?.(sink);
    return sink;
  }

  onDatagram(chunk: ChunkView): void {
    this.calls.push(`datagram ${chunk.length}`);
    this.onDatagramHook?.(chunk);
  }

  onShutdown(): void {
    this.calls.push("shutdown");
  }

  onClosed(info: CloseInfo): void {
    this.calls.push(`closed by ${info.by}`);
  }
}

export class Fixture {
  readonly native: FakeNative;
  readonly dispatcher: Dispatcher;
  readonly connections: RecordingConnection[] = [];

  constructor(
    factory?: QuicAppFactory,
    native = new FakeNative(),
    more?: Partial<DispatcherOptions>,
  ) {
    this.native = native;
    const recording: QuicAppFactory = {
      acceptsAlpn: () => true,
      spawnApp: async () => {},
      attach: (connection) => {
        const sink = new RecordingConnection(connection);
        this.connections.push(sink);
        return sink;
      },
    };
    const served = factory ?? recording;
    const alpn = ["test", "echo", "hq-interop"].find((name) => served.acceptsAlpn(name))!;
    const registry = new AppRegistry().register(alpn, served).freeze();
    this.dispatcher = new Dispatcher(native.attachment, { registry, streamChunks: 4, ...more });
  }

  /** Rings the doorbell: one synchronous turn. */
  turn(): void {
    this.dispatcher.bell();
  }

  /** A connection in slot 0 (generation 1) of a worker, with its sink. */
  connect(worker = 0, slot = 0, generation = 1, flags = 0): RecordingConnection {
    this.native.connect(worker, slot, generation);
    this.native.emit(worker, {
      kind: EVENT_CONNECTED,
      connection: slot,
      connectionGeneration: generation,
      flags,
    });
    this.turn();
    return this.connections.at(-1)!;
  }

  /** Stream data of connection (0, 1); the stream's slot is its id / 4, generation 1. */
  receive(text: string, options: { id?: number; flags?: number; worker?: number } = {}): void {
    const { id = 0, flags = 0, worker = 0 } = options;
    this.native.emit(worker, {
      kind: EVENT_STREAM_DATA,
      connection: 0,
      connectionGeneration: 1,
      stream: id >> 2,
      streamGeneration: 1,
      streamId: id,
      flags,
      bytes: new TextEncoder().encode(text),
    });
  }

  /** Opens stream `id` of the peer with some bytes, grants `credit`, and returns its sink. */
  openStream(id = 0, credit = 1 << 20, flags = 0): RecordingStream {
    this.native.setCredit(0, id >> 2, credit);
    this.receive("hello", { id, flags: FLAG_OPENED | flags });
    this.turn();
    return this.connections.at(-1)!.streams.at(-1)!;
  }
}

export { FLAG_FIN, FLAG_OPENED };
