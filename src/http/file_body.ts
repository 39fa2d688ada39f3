/** The bytes of an open file, or a range of them, read straight into the memory they leave from. */
import { readSync } from "node:fs";
import type { FileSource } from "../transport/body_source.ts";
import type { ServedFile } from "./file_cache.ts";

export class FileBody implements FileSource {
  readonly length: number;
  readonly #file: ServedFile;
  #position: number;
  readonly #end: number;
  #open = true;

  /** Takes the caller's hold on `file`. Bytes `[start, start + length)` of it. */
  constructor(file: ServedFile, start: number, length: number) {
    this.length = length;
    this.#file = file;
    this.#position = start;
    this.#end = start + length;
  }

  /**
   * Bytes put at `memory[offset ..]`; 0 at the end. -1 when the file cannot keep its word, that is,
   * it shrank or the disk failed: what was sent cannot be taken back, so reset the stream.
   */
  read(memory: Uint8Array, offset: number, capacity: number): number {
    if (!this.#open) return -1;
    const wanted = Math.min(capacity, this.#end - this.#position);
    if (wanted <= 0) return 0;
    let taken: number;
    try {
      taken = readSync(this.#file.fd, memory, offset, wanted, this.#position);
    } catch {
      return -1;
    }
    if (taken === 0) return -1;
    this.#position += taken;
    return taken;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#file.release();
  }
}

/** For servers that know only web streams. Closes `source` at the end, on failure and on cancel. */
export function streamOf(source: FileSource, chunkBytes = 64 * 1024): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = new Uint8Array(chunkBytes);
        const taken = source.read(chunk, 0, chunk.length);
        if (taken > 0) {
          controller.enqueue(chunk.subarray(0, taken));
          return;
        }
        source.close();
        if (taken === 0) controller.close();
        else controller.error(new Error("the file changed while it was sent"));
      },
      cancel() {
        source.close();
      },
    },
    { highWaterMark: 0 },
  );
}
