//   bun bench/servers/quicd_experiment.ts --port 4433 --workers 2 --routing wrong
//   bun bench/servers/quicd_experiment.ts --port 4433 --workers 2 --routing random --no-forwarding
//
// quicd_fetch.ts with what serve() does not offer: the modes of routing that are for measuring, and
// losing what reaches the wrong worker. Ends with its standard input.
import { installKnownResponse } from "../../src/apps/h3/globals.ts";
import { AppRegistry, H3Factory, QuicServer } from "../../src/index.ts";
import { engineOptionsOf } from "../../src/server/options.ts";
import { backend, forwarding, HOST, port, routing, tls, workers } from "./arguments.ts";
import { control, started } from "./control.ts";
import { answer } from "./handler.ts";
import { controlled } from "./quicd_control.ts";

installKnownResponse();
const options = engineOptionsOf(
  { port, hostname: HOST, workers, backend },
  { certificatePem: tls.cert, privateKeyPem: tls.key },
);
const registry = new AppRegistry();
registry.register("h3", new H3Factory({ fetch: answer }));
const server = new QuicServer(registry, { engine: { ...options, routing, forwarding } });
await started(() => server.start());

await control(controlled(server));
