/** One HTTP/0.9 exchange: a request line, then the file, read straight into send buffers. */
import type { FileSource } from "../../transport/body_source.ts";
import type { ChunkView } from "../../transport/chunk.ts";
import type { SendStream, StreamSink, TransportStream } from "../../transport/stream.ts";
import type { HqResolve } from "./factory.ts";
import { RequestLineReader } from "./request_line.ts";

/** HTTP/0.9 has no codes; these are ours, seen in RESET_STREAM and STOP_SENDING. */
const NOT_FOUND = 0x404;
const BAD_REQUEST = 0x400;
const FAILED = 0x500;

const BUFFER_BYTES = 16384;

/** Reads the line, finds the file, sends it. */
type Phase = "line" | "resolving" | "sending" | "over";

export class HqStream implements StreamSink {
  readonly #stream: TransportStream;
  readonly #resolve: HqResolve;
  readonly #ended: () => void;
  readonly #line = new RequestLineReader();
  #phase: Phase = "line";
  #source: FileSource | null = null;
  #sentBytes = 0;

  /** `ended` is called once. */
  constructor(stream: TransportStream, resolve: HqResolve, ended: () => void) {
    this.#stream = stream;
    this.#resolve = resolve;
    this.#ended = ended;
    if (stream.send === null) this.#refuse(BAD_REQUEST);
  }

  onData(chunk: ChunkView, fin: boolean): void {
    if (this.#phase !== "line") return;
    const line = this.#line.feed(chunk.memory, chunk.offset, chunk.length, fin);
    if (line === "incomplete") return;
    if (line === "malformed") this.#refuse(BAD_REQUEST);
    else this.#open(line.path);
  }

  onWritable(): void {
    if (this.#phase === "sending") this.#pump(this.#stream.send!, this.#source!);
  }

  onReset(): void {
    // The request was taken back; an answer on its way stays wanted only if the line was whole.
    if (this.#phase === "line") this.#refuse(BAD_REQUEST);
  }

  onStopped(): void {
    this.#end();
  }

  onConnectionClosed(): void {
    this.#end();
  }

  #open(path: string): void {
    this.#phase = "resolving";
    const found = this.#resolve(path);
    if (!(found instanceof Promise)) {
      this.#start(found);
      return;
    }
    found.then(
      (source) => this.#start(source),
      () => this.#refuse(FAILED),
    );
  }

  #start(source: FileSource | null): void {
    if (this.#phase !== "resolving") {
      source?.close();
      return;
    }
    if (source === null) {
      this.#refuse(NOT_FOUND);
      return;
    }
    this.#source = source;
    this.#phase = "sending";
    this.#pump(this.#stream.send!, source);
  }

  #pump(send: SendStream, source: FileSource): void {
    for (;;) {
      const left = source.length === null ? BUFFER_BYTES : source.length - this.#sentBytes;
      if (left <= 0) {
        send.finish();
        break;
      }
      // Less than a buffer's worth of credit is used as well: it may be all there will be for a
      // while.
      const buffer = send.reserve(Math.max(1, Math.min(left, send.credit, BUFFER_BYTES)));
      if (buffer === null) return;
      const count = source.read(buffer.memory, buffer.offset, Math.min(left, buffer.capacity));
      if (count <= 0) {
        send.cancel();
        const whole = count === 0 && source.length === null;
        if (whole) send.finish();
        else send.reset(FAILED);
        break;
      }
      this.#sentBytes += count;
      const fin = source.length === this.#sentBytes;
      send.commit(count, fin);
      if (fin) break;
    }
    this.#end();
  }

  #refuse(code: number): void {
    this.#stream.stop(code);
    this.#stream.send?.reset(code);
    this.#end();
  }

  #end(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#source?.close();
    this.#source = null;
    this.#ended();
  }
}
