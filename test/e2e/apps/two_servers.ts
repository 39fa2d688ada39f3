/**
 * Starts two servers in one process, one after the other, with the routing in its argument. Prints
 * for each, as JSON, what was chosen and why, or the error.
 */
import { type RunningServer, serve } from "../../../src/index.ts";

const routing = process.argv[2] === "ebpf" ? "ebpf" : "auto";
const servers: RunningServer[] = [];
const outcomes: { routing: string; note: string }[] = [];
for (let i = 0; i < 2; i++) {
  const place = { port: 0, hostname: "127.0.0.1", workers: 2 };
  try {
    const server = await serve({ ...place, routing, fetch: () => new Response("served") });
    servers.push(server);
    const view = server.engineView;
    outcomes.push({ routing: view?.routing ?? "none", note: view?.routingNote ?? "" });
  } catch (error) {
    outcomes.push({ routing: "none", note: error instanceof Error ? error.message : `${error}` });
  }
}
console.log(JSON.stringify(outcomes));
await Promise.all(servers.map((server) => server.stop(true)));
