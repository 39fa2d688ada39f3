interface Reader {
  read(): Promise<{ value?: Uint8Array | undefined; done: boolean }>;
}

/** The lines that a child process prints, one at a time. */
export class Lines {
  readonly #reader: Reader;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** @throws Error at the end of the stream: whoever asks expects an answer. */
  async next(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`the process ended without an answer: ${this.#text}`);
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }
}
