/** The command line that every server under measurement takes. */
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    cert: { type: "string" },
    key: { type: "string" },
    port: { type: "string", default: "0" },
    workers: { type: "string", default: "1" },
    backend: { type: "string", default: "auto" },
  },
});

if (values.cert === undefined || values.key === undefined) {
  console.error("--cert FILE and --key FILE are missing");
  process.exit(2);
}

export const certPath: string = values.cert;
export const keyPath: string = values.key;
export const port = Number(values.port);
export const workers = Number(values.workers);
export const backend = values.backend as "auto" | "io_uring" | "syscalls";
export const HOST = "127.0.0.1";
