//   bun bench/servers/bun_fetch.ts --port 4433
//   bun --cpu-prof-md bench/servers/bun_fetch.ts --port 4433
//   bun bench/servers/bun_fetch.ts --port 4433 --reuse-port
//   (sleep 60) | bun bench/servers/bun_fetch.ts --port 4433
//
// Bun.serve's own HTTP/3 with the handler under measurement. It runs on the JavaScript thread: the
// number of workers says nothing here. Ends with its standard input.
import { HOST, port, reusePort, tls } from "./arguments.ts";
import { control, started } from "./control.ts";
import { answer, requestCount } from "./handler.ts";

const server = await started(() =>
  Bun.serve({
    port,
    hostname: HOST,
    reusePort,
    tls,
    http1: false,
    http3: true,
    development: false,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: answer,
  }),
);

await control({
  port: server.port ?? port,
  counters: () => ({}),
  places: () => [{ requests: requestCount() }],
  stop: () => server.stop(true),
});
