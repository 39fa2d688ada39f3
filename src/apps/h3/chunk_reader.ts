/**
 * Bodies that come in their own time, one chunk after another, whatever the handler made them of.
 */

export interface ChunkReader {
  /** The next bytes, never empty; null at the end. One read at a time. */
  read(): Promise<Uint8Array | null>;
  /** The rest is not wanted. */
  cancel(reason: unknown): void;
}

const encoder = new TextEncoder();

/** What a stream may yield: Bun's bodies take text too. @throws {TypeError} for anything else. */
function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return encoder.encode(chunk);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  throw new TypeError("a body stream must yield bytes or text");
}

/** Web streams and async iterables alike, through the iterator protocol that both have. */
class IteratorReader implements ChunkReader {
  readonly #iterator: AsyncIterator<unknown>;

  constructor(iterator: AsyncIterator<unknown>) {
    this.#iterator = iterator;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const { done, value } = await this.#iterator.next();
      if (done === true) return null;
      const bytes = toBytes(value);
      if (bytes.length > 0) return bytes;
    }
  }

  cancel(): void {
    // A generator that throws while it is closed has nobody left to tell.
    void Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }
}

class StreamReader implements ChunkReader {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader() as ReadableStreamDefaultReader<unknown>;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      const bytes = toBytes(value);
      if (bytes.length > 0) return bytes;
    }
  }

  cancel(reason: unknown): void {
    void this.#reader.cancel(reason).catch(() => {});
  }
}

/** Null for what is neither. @throws {TypeError} for a stream that is being read already. */
export function chunkReaderOf(body: object): ChunkReader | null {
  if (body instanceof ReadableStream) return new StreamReader(body);
  if (Symbol.asyncIterator in body) {
    const iterable = body as AsyncIterable<unknown>;
    return new IteratorReader(iterable[Symbol.asyncIterator]());
  }
  return null;
}
