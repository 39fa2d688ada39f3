/**
 * The handler under measurement, the same module in every server.
 *
 *   /?n=SEQUENCE&q=TEXT   "sequence + query": every answer is another one, and can be checked
 *   /bulk?bytes=N         N bytes of the pattern that the load client knows
 *   /upload               reads the body, answers with its length
 *   /wait?bytes=N         the same as /bulk, 20 ms later
 *   /stream               an endless body made in JavaScript, 64 KiB at a time
 */
const WAIT_MS = 20;
const PERIOD = 251 * 256;
const WRITE_BYTES = 64 << 10;

/** Byte i of every body is (i % 251) ^ (i / 251 % 256). */
const repeated = Uint8Array.from(
  { length: PERIOD + WRITE_BYTES },
  (_, i) => (i % 251) ^ (Math.floor(i / 251) & 255),
);

export function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += PERIOD) {
    made.set(repeated.subarray(0, Math.min(PERIOD, bytes - at)), at);
  }
  return made;
}

const bodies = new Map<number, Uint8Array<ArrayBuffer>>();

function bodyOf(bytes: number): Uint8Array<ArrayBuffer> {
  const found = bodies.get(bytes);
  if (found !== undefined) return found;
  const made = pattern(bytes);
  bodies.set(bytes, made);
  return made;
}

function endless(): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(repeated.subarray(at, at + WRITE_BYTES));
      at = (at + WRITE_BYTES) % PERIOD;
    },
  });
}

async function countBytes(body: ReadableStream<Uint8Array> | null): Promise<Response> {
  let bytes = 0;
  if (body !== null) for await (const part of body) bytes += part.length;
  return new Response(`${bytes}`);
}

let requests = 0;

/** Requests that this thread has seen. */
export function requestCount(): number {
  return requests;
}

export function answer(request: Request): Response | Promise<Response> {
  requests++;
  const url = new URL(request.url);
  if (url.pathname === "/") {
    const query = url.search;
    const sequence = query.slice("?n=".length, query.indexOf("&"));
    return new Response(sequence + query);
  }
  switch (url.pathname) {
    case "/bulk":
      return new Response(bodyOf(Number(url.searchParams.get("bytes"))));
    case "/upload":
      return countBytes(request.body);
    case "/wait":
      return Bun.sleep(WAIT_MS).then(
        () => new Response(bodyOf(Number(url.searchParams.get("bytes")))),
      );
    case "/stream":
      return new Response(endless());
    default:
      return new Response("no such path", { status: 404 });
  }
}
