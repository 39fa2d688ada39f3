/**
 * One line per request on standard output:
 *
 *     2026-11-23T08:49:37.123Z GET /index.html 200 1234 0.42 9f0c...   (bytes, ms, connection)
 *
 * Lines are collected and written a few times a second: a system call per request would cost more
 * than the request.
 */

/** What is told about each request; `RequestInfo` of HTTP/3 has it all. */
export interface AccessRecord {
  method: string;
  /** As received; what is not printable ASCII is escaped here, so it cannot steer a terminal. */
  path: string;
  status: number;
  /** Of the response's content; null: not known, "-" in the line. */
  bytes: number | null;
  durationUs: number;
  connectionId: string;
}

/** The part of Bun's FileSink that is used. */
export interface LogSink {
  write(text: string): unknown;
  flush(): unknown;
}

const FLUSH_EVERY_MS = 200;

export class AccessLog {
  readonly #sink: LogSink;
  readonly #now: () => number;
  #timer: Timer | null = null;
  /** The text of the last line's time: a busy server answers many requests in a millisecond. */
  #timeMs = -1;
  #timeText = "";

  /** @param now milliseconds since 1970 */
  constructor(sink: LogSink, now: () => number = Date.now) {
    this.#sink = sink;
    this.#now = now;
  }

  record({ method, path, status, bytes, durationUs, connectionId }: AccessRecord): void {
    const time = this.#time();
    const took = (durationUs / 1000).toFixed(2);
    const what = `${printable(method)} ${printable(path)} ${status}`;
    this.#sink.write(`${time} ${what} ${bytes ?? "-"} ${took} ${connectionId}\n`);
    this.#flushSoon();
  }

  /** Whole lines that another thread's log has made. */
  append(lines: string): void {
    this.#sink.write(lines);
    this.#flushSoon();
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_EVERY_MS);
  }

  /** Writes what was collected; to be called once more before the process ends. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#sink.flush();
  }

  #time(): string {
    const nowMs = this.#now();
    if (nowMs !== this.#timeMs) {
      this.#timeMs = nowMs;
      this.#timeText = new Date(nowMs).toISOString();
    }
    return this.#timeText;
  }
}

/** Escapes what is not printable ASCII. */
function printable(text: string): string {
  return text.replace(
    /[^\x21-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
