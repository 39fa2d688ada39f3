/** The one line of an HTTP/0.9 request, collected from any split of its bytes. */

/** Longest line that is read, bytes, without its end. */
export const REQUEST_LINE_MAX = 4096;

const LINE_FEED = 0x0a;

/** "incomplete": feed more. "malformed": this is no such request. */
export type RequestLine = { path: string } | "incomplete" | "malformed";

/** @param line without its end, as it came. */
export function parseRequestLine(line: string): RequestLine {
  const match = /^GET (\/[^\s]*) *\r?$/.exec(line);
  return match === null ? "malformed" : { path: match[1]! };
}

export class RequestLineReader {
  #text = "";

  /**
   * Borrows `memory[offset .. offset + length)`. A stream that ends without a line feed ends the
   * line too.
   */
  feed(memory: Uint8Array, offset: number, length: number, fin: boolean): RequestLine {
    const limit = Math.min(length, REQUEST_LINE_MAX + 2 - this.#text.length);
    let complete = fin;
    for (let index = 0; index < limit; index++) {
      const byte = memory[offset + index]!;
      if (byte === LINE_FEED) {
        complete = true;
        break;
      }
      this.#text += String.fromCharCode(byte);
    }
    if (this.#text.length > REQUEST_LINE_MAX) return "malformed";
    return complete ? parseRequestLine(this.#text) : "incomplete";
  }
}
