/**
 * The server of our interop endpoint: /www over hq-interop or HTTP/3, as TESTCASE says, until
 * SIGTERM. Flags (SERVER_PARAMS): --workers 2 --routing forward --backend syscalls.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join, normalize } from "node:path";
import { AppRegistry, type FileSource, HqFactory, QuicServer, serve } from "../../src/index.ts";
import { planOf, type ServerPlan } from "../testcases.ts";
import {
  HANDSHAKE_TIMEOUT_MS,
  logPlaces,
  PATIENT,
  type Parameters,
  parseParameters,
  UDP_PAYLOAD_BYTES,
} from "./parameters.ts";

const WWW = "/www";
const PORT = 443;
/** The runner's servers have these addresses in every run. */
const PREFERRED = { ipv4: "193.167.100.100:4443", ipv6: "[fd00:cafe:cafe:100::100]:4443" } as const;
/** Half of what the runner leaves between SIGTERM and SIGKILL, 10 s, is plenty. */
const GRACE_MS = 2000;

/** The file of a request's path; "/../" leads no further up than to the folder. */
function pathOf(path: string): string {
  return join(WWW, normalize(decodeURIComponent(path)));
}

function openFile(path: string): FileSource | null {
  let fd: number;
  try {
    fd = openSync(pathOf(path), "r");
  } catch {
    return null;
  }
  let position = 0;
  return {
    length: fstatSync(fd).size,
    read(memory, offset, capacity) {
      const count = readSync(fd, memory, offset, capacity, position);
      position += count;
      return count;
    },
    close: () => closeSync(fd),
  };
}

async function fetchFile(request: Request): Promise<Response> {
  const file = Bun.file(pathOf(new URL(request.url).pathname));
  return (await file.exists()) ? new Response(file) : new Response("no such file", { status: 404 });
}

function start(plan: ServerPlan, parameters: Parameters) {
  const { workers, routing, backend, congestion } = parameters;
  const content =
    plan.alpn === "h3"
      ? { fetch: fetchFile }
      : { registry: new AppRegistry().register("hq-interop", new HqFactory(openFile)) };
  return serve({
    ...content,
    ...{ port: PORT, hostname: "::", workers, routing, backend, gso: false },
    ...(plan.prefers ? { preferredAddress: PREFERRED } : {}),
    tls: { cert: "/certs/cert.pem", key: "/certs/priv.key" },
    transport: {
      ...{ congestion, retry: plan.retry, earlyData: plan.early, version: plan.version },
      ...{ maxUdpPayloadBytes: UDP_PAYLOAD_BYTES, pathMtuDiscovery: true },
      ...(plan.patient ? PATIENT : { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS }),
    },
    ...(plan.patient ? { idleTimeout: PATIENT.handshakeTimeoutMs / 1000 } : {}),
    ...logPlaces(process.env),
    ...{ signals: true, shutdownGraceMs: GRACE_MS },
  });
}

const plan = planOf("server", process.env.TESTCASE ?? "");
if (plan === null) process.exit(127);
const server = await start(plan, parseParameters(process.argv.slice(2)));
if (server instanceof QuicServer && server.engineView !== null) {
  const { backend, backendNote, routing, routingNote } = server.engineView;
  console.log(`serving ${WWW} at ${server.url.href}: backend ${backend}, routing ${routing}`);
  for (const note of [backendNote, routingNote]) if (note !== "") console.log(note);
}
await server.closed;
process.exit(0);
