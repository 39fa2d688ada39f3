/** What SERVER_PARAMS and CLIENT_PARAMS may say, for variants of the endpoint; where it logs. */
import { parseArgs } from "node:util";
import type { ClientEngineOptions, ServeOptions } from "../../src/index.ts";

export interface Parameters {
  workers: number;
  routing: NonNullable<ServeOptions["routing"]>;
  backend: NonNullable<ClientEngineOptions["backend"]>;
  congestion: "cubic" | "reno" | "bbr2";
  /** HOST:PORT that takes TCP connections when the network is there; "" if it is. A client's. */
  wait: string;
  /** What is no flag. */
  rest: string[];
}

const ROUTINGS = ["auto", "ebpf", "forward"] as const;
const BACKENDS = ["auto", "io_uring", "syscalls"] as const;
const CONGESTION = ["cubic", "reno", "bbr2"] as const;
const WORKERS_MAX = 64;

function oneOf<Name extends string>(flag: string, given: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  throw new TypeError(`--${flag} ${given}: must be one of ${names.join(", ")}`);
}

/** @throws TypeError that names the flag and what it may be. */
export function parseParameters(argv: readonly string[]): Parameters {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      workers: { type: "string", default: "1" },
      routing: { type: "string", default: "auto" },
      backend: { type: "string", default: "auto" },
      congestion: { type: "string", default: "cubic" },
      wait: { type: "string", default: "" },
    },
  });
  const workers = Number(values.workers);
  if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) {
    throw new TypeError(`--workers ${values.workers}: must be an integer from 1 to ${WORKERS_MAX}`);
  }
  return {
    workers,
    routing: oneOf("routing", values.routing, ROUTINGS),
    backend: oneOf("backend", values.backend, BACKENDS),
    congestion: oneOf("congestion", values.congestion, CONGESTION),
    wait: values.wait,
    rest: positionals,
  };
}

/** As the runner names them; "" where nothing is wanted. */
export function logPlaces(environment: Readonly<Record<string, string | undefined>>): {
  keylog: string;
  qlog: string;
} {
  return { keylog: environment.SSLKEYLOGFILE ?? "", qlog: environment.QLOGDIR ?? "" };
}

/** Packets of the simulator's Ethernet, over IPv6 too: 1500 less 40 and 8 (RFC 8200, RFC 768). */
export const UDP_PAYLOAD_BYTES = 1452;
/**
 * As long as peers wait in silence: the sixth probe of a handshake whose packets the runner drops
 * comes after six to twelve seconds (amplificationlimit).
 */
export const HANDSHAKE_TIMEOUT_MS = 30_000;
/** For "patient" cases: handshakes may take as long as the whole run. */
export const PATIENT = { handshakeTimeoutMs: 240_000, initialRttMs: 100 } as const;
