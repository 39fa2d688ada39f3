//   bun bench/servers/quicd_fetch.ts --port 4433
//   bun bench/servers/quicd_fetch.ts --port 4433 --workers 2 --backend syscalls
//   bun bench/servers/quicd_fetch.ts --port 4433 --workers 2 --routing forward --app-threads 2
//   bun --cpu-prof-md bench/servers/quicd_fetch.ts --port 4433
//
// QuicD with the handler under measurement. Ends with its standard input.
import { join } from "node:path";
import { QuicServer, type ServeOptions, serve } from "../../src/index.ts";
import { appThreads, backend, HOST, port, routing, tls, workers } from "./arguments.ts";
import { control, started } from "./control.ts";
import { answer } from "./handler.ts";
import { controlled } from "./quicd_control.ts";

const handler =
  appThreads > 0 ? { app: join(import.meta.dir, "app.ts"), appThreads } : { fetch: answer };

const server = await started(() =>
  serve({
    ...{ port, hostname: HOST, tls, workers, backend, ...handler },
    routing: routing as NonNullable<ServeOptions["routing"]>,
  }),
);
if (!(server instanceof QuicServer)) throw new Error("without its native part it is Bun.serve");

await control(controlled(server));
