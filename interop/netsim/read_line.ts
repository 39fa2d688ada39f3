/** Lines of a child's output, one at a time; the stream stays open for the next. */

const rests = new WeakMap<ReadableStream<Uint8Array>, string>();

/**
 * The next line without its end, or null at the end of the stream. One call at a time per stream.
 */
export async function readLine(stream: ReadableStream<Uint8Array>): Promise<string | null> {
  let text = rests.get(stream) ?? "";
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const end = text.indexOf("\n");
      if (end >= 0) {
        rests.set(stream, text.slice(end + 1));
        return text.slice(0, end);
      }
      const { value, done } = await reader.read();
      if (done) {
        rests.set(stream, "");
        return text === "" ? null : text;
      }
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    reader.releaseLock();
  }
}
