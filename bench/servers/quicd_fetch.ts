//   bun bench/servers/quicd_fetch.ts --cert cert.pem --key key.pem --port 4433
//   bun bench/servers/quicd_fetch.ts --cert cert.pem --key key.pem --workers 2
//   bun bench/servers/quicd_fetch.ts --cert cert.pem --key key.pem --backend syscalls
//
// QuicD with the handler under measurement.
import { serve } from "../../src/index.ts";
import { loadLibrary } from "../../src/native/library.ts";
import { backend, certPath, HOST, keyPath, port, workers } from "./arguments.ts";
import { control } from "./control.ts";
import { answer } from "./handler.ts";

const server = await serve({
  port,
  hostname: HOST,
  tls: { cert: Bun.file(certPath), key: Bun.file(keyPath) },
  workers,
  backend,
  fetch: answer,
});

await control({
  port: server.port,
  counters: () => ({ ...server.counters(), ...loadLibrary().addon.memory() }),
  stop: () => server.stop(true),
});
