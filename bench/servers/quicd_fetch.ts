//   bun bench/servers/quicd_fetch.ts --port 4433
//   bun bench/servers/quicd_fetch.ts --port 4433 --workers 2 --backend syscalls
//   bun --cpu-prof-md bench/servers/quicd_fetch.ts --port 4433
//
// QuicD with the handler under measurement. Ends with its standard input.
import { serve } from "../../src/index.ts";
import { loadLibrary } from "../../src/native/library.ts";
import { backend, HOST, port, tls, workers } from "./arguments.ts";
import { control } from "./control.ts";
import { answer } from "./handler.ts";

const server = await serve({
  port,
  hostname: HOST,
  tls,
  workers,
  backend,
  fetch: answer,
});

await control({
  port: server.port,
  counters: () => ({ ...server.counters(), ...loadLibrary().addon.memory() }),
  stop: () => server.stop(true),
});
