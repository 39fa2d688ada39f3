/**
 * The application that the end-to-end tests serve, here and with Bun.serve beside it: one `fetch`
 * handler, on paths.
 *
 *   /hello?q       "sequence + query": every answer is another one
 *   /echo          the request's body, streamed back
 *   /count         reads the body: its bytes and SHA-256 as JSON
 *   /hold?name     reads nothing of the body until /release?name
 *   /generate      an endless body from JavaScript, 64 KiB at a time
 *   /stall?ms=N    from now on every turn of the event loop takes N ms (0: no more)
 *   /block?ms=N    blocks JavaScript once, then answers
 *   /throw         fails
 */
const BLOCK = new Uint8Array(64 << 10).fill(0x71);

const held = new Map<string, PromiseWithResolvers<void>>();
let sequence = 0;
let stallMs = 0;

function stall(): void {
  if (stallMs === 0) return;
  Bun.sleepSync(stallMs);
  setImmediate(stall);
}

function gate(name: string): PromiseWithResolvers<void> {
  const found = held.get(name);
  if (found !== undefined) return found;
  const made = Promise.withResolvers<void>();
  held.set(name, made);
  return made;
}

async function count(body: ReadableStream<Uint8Array> | null): Promise<Response> {
  const hasher = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  if (body !== null) {
    for await (const part of body) {
      hasher.update(part);
      bytes += part.length;
    }
  }
  return Response.json({ bytes, sha256: hasher.digest("hex") });
}

async function handle(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const ms = Number(url.searchParams.get("ms") ?? 0);
  switch (url.pathname) {
    case "/hello":
      return new Response(`${sequence++} + ${url.search}`);
    case "/echo":
      return new Response(request.body);
    case "/count":
      return await count(request.body);
    case "/hold":
      await gate(url.search).promise;
      return await count(request.body);
    case "/release":
      gate(url.search).resolve();
      return new Response("released");
    case "/generate":
      return new Response(
        new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(BLOCK) }),
      );
    case "/stall": {
      const running = stallMs > 0;
      stallMs = ms;
      if (!running) stall();
      return new Response(`${stallMs}`);
    }
    case "/block":
      Bun.sleepSync(ms);
      return new Response("blocked");
    case "/throw":
      throw new Error("the secret of the handler");
    case "/":
      return new Response("test app", { headers: { "x-test": "1" } });
    default:
      return new Response("no such path", { status: 404 });
  }
}

export default { fetch: handle };
