/** The command line that every server under measurement takes. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { EngineOptions } from "../../src/native/addon.ts";
import { developmentCertificate } from "../../src/tls/development.ts";

const { values } = parseArgs({
  options: {
    cert: { type: "string" },
    key: { type: "string" },
    port: { type: "string", default: "0" },
    workers: { type: "string", default: "1" },
    backend: { type: "string", default: "auto" },
    routing: { type: "string", default: "auto" },
    "no-forwarding": { type: "boolean", default: false },
    "app-threads": { type: "string", default: "0" },
    "reuse-port": { type: "boolean", default: false },
  },
});

/** Of --cert and --key, else the development certificate. */
function certificate(): { cert: string; key: string } {
  const { cert, key } = values;
  if (cert !== undefined && key !== undefined) {
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  }
  const { certificatePem, privateKeyPem } = developmentCertificate();
  return { cert: certificatePem, key: privateKeyPem };
}

export const tls = certificate();
export const port = Number(values.port);
export const workers = Number(values.workers);
export const backend = values.backend as EngineOptions["backend"];
export const routing = values.routing as EngineOptions["routing"];
export const forwarding = !values["no-forwarding"];
export const appThreads = Number(values["app-threads"]);
/** Another process serves the same port: the kernel shares out between them. */
export const reusePort = values["reuse-port"];
export const HOST = "127.0.0.1";
