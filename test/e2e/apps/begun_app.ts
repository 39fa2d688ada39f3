/**
 * Answers that are under way for a while: `/x?bytes=N` at once, `/stream?bytes=N` in pieces as the
 * client takes them, `/block?ms=N` after having blocked JavaScript, `/trickle?bytes=N` a piece each
 * 50 ms.
 */
import { sizedBody } from "./sized_body.ts";

const PIECE_BYTES = 8 << 10;
const TRICKLE_MS = 50;

function inPieces(body: Uint8Array<ArrayBuffer>, pauseMs: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (pauseMs > 0) await Bun.sleep(pauseMs);
      controller.enqueue(body.subarray(at, at + PIECE_BYTES));
      at += PIECE_BYTES;
      if (at >= body.length) controller.close();
    },
  });
}

export default {
  fetch(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    const body = sizedBody(Number(searchParams.get("bytes") ?? 0));
    if (pathname === "/stream") return new Response(inPieces(body, 0));
    if (pathname === "/trickle") return new Response(inPieces(body, TRICKLE_MS));
    if (pathname === "/block") Bun.sleepSync(Number(searchParams.get("ms")));
    return new Response(body);
  },
};
