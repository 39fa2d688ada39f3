/**
 * Answers `?bytes=N` with N random bytes, the same ones for the same N, so that what is lost or
 * moved changes the hash, and a POST with its own body; says which thread it ran on.
 */
import { createRandom, fillRandom } from "../../../interop/netsim/random.ts";

const bodies = new Map<number, Uint8Array<ArrayBuffer>>();

export function sizedBody(length: number): Uint8Array<ArrayBuffer> {
  let body = bodies.get(length);
  if (body === undefined) {
    body = new Uint8Array(length);
    fillRandom(body, createRandom(length));
    bodies.set(length, body);
  }
  return body;
}

function answer(request: Request): Response {
  if (request.method === "POST") return new Response(request.body);
  const length = Number(new URL(request.url).searchParams.get("bytes") ?? 0);
  const thread = Bun.isMainThread ? "main" : "worker";
  return new Response(sizedBody(length), { headers: { "x-thread": thread } });
}

export default { fetch: answer };
