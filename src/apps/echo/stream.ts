/**
 * One echoed stream: chunks go back as they came; those that do not fit wait, in order, with their
 * leases.
 */
import type { Chunk, ChunkView } from "../../transport/chunk.ts";
import type { ErrorCode } from "../../transport/error_code.ts";
import type { SendStream, StreamSink, TransportStream } from "../../transport/stream.ts";
import type { EchoCounters } from "./factory.ts";

export class EchoStream implements StreamSink {
  readonly #stream: TransportStream;
  readonly #send: SendStream;
  readonly #counters: EchoCounters;
  readonly #ended: () => void;
  #waiting: Chunk[] = [];
  #fin = false;
  #over = false;

  /** `ended` is called once, when nothing more will be echoed. */
  constructor(
    stream: TransportStream,
    send: SendStream,
    counters: EchoCounters,
    ended: () => void,
  ) {
    this.#stream = stream;
    this.#send = send;
    this.#counters = counters;
    this.#ended = ended;
  }

  onData(chunk: ChunkView, fin: boolean): void {
    if (this.#over) return;
    this.#fin = fin;
    if (chunk.length > 0) this.#waiting.push(chunk.retain());
    this.onWritable();
  }

  onWritable(): void {
    if (this.#over) return;
    while (this.#waiting.length > 0) if (!this.#sendFirst()) return;
    if (!this.#fin) return;
    this.#send.finish();
    this.#end();
  }

  onReset(errorCode: ErrorCode): void {
    this.#send.reset(errorCode);
    this.#end();
  }

  onStopped(errorCode: ErrorCode): void {
    this.#stream.stop(errorCode);
    this.#end();
  }

  onConnectionClosed(): void {
    this.#end();
  }

  /** False: no room now; the rest of the first chunk stays first. */
  #sendFirst(): boolean {
    const chunk = this.#waiting[0]!;
    const { credit } = this.#send;
    const fits = chunk.length <= credit || credit === 0;
    const part = fits ? chunk : chunk.slice(0, credit);
    const last = fits && this.#waiting.length === 1 && this.#fin;
    const { length } = part;
    if (!this.#send.tryWriteChunk(part, last)) {
      if (!fits) part.release();
      return false;
    }
    this.#counters.bytes += length;
    if (fits) {
      this.#waiting.shift();
      return true;
    }
    this.#waiting[0] = chunk.slice(credit);
    chunk.release();
    return true;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const chunk of this.#waiting) chunk.release();
    this.#waiting = [];
    this.#ended();
  }
}
