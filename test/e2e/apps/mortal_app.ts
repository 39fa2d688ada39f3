/**
 * An application that ends its thread when asked to; each answer says which thread it ran on, and
 * which start of it.
 *
 *   ?bytes=N   N bytes that depend on their place
 *   /hold      never answers, and reads nothing
 *   /throw, /reject, /exit   end the thread, outside of any handler, each in its way
 *   /spin      the thread never comes back to its event loop
 */
import { threadName } from "node:worker_threads";
import { sizedBody } from "./sized_body.ts";

const headers = { "x-thread": threadName ?? "", "x-born": crypto.randomUUID() };

const ENDS: Readonly<Record<string, () => void>> = {
  "/throw": () => {
    throw new Error("thrown on purpose");
  },
  "/reject": () => void Promise.reject(new Error("rejected on purpose")),
  "/exit": () => process.exit(3),
  "/spin": () => {
    while (true) Bun.sleepSync(1);
  },
};

export default {
  fetch(request: Request): Response | Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/hold") return new Promise(() => {});
    const end = ENDS[pathname];
    if (end !== undefined) setTimeout(end, 0);
    return new Response(sizedBody(Number(searchParams.get("bytes") ?? 0)), { headers });
  },
};
