/**
 * Where everything of one run lies. The runner makes it, the endpoints and the simulator fill it,
 * the judge reads it; kept when the run failed.
 */
import { join } from "node:path";
import type { Role } from "../cases/case.ts";

export class RunFolder {
  constructor(readonly path: string) {}

  /** Capture at the client's side of the simulator; pcap. */
  get leftCapture(): string {
    return join(this.path, "sim/trace_node_left.pcap");
  }

  /** Capture at the server's side of the simulator; pcap. */
  get rightCapture(): string {
    return join(this.path, "sim/trace_node_right.pcap");
  }

  get simulatorLogs(): string {
    return join(this.path, "sim");
  }

  /** /logs of an endpoint: keys.log, qlog/ and whatever else it writes. */
  logs(role: Role): string {
    return join(this.path, role, "logs");
  }

  keyLog(role: Role): string {
    return join(this.logs(role), "keys.log");
  }

  www(role: Role): string {
    return join(this.path, role, "www");
  }

  downloads(role: Role): string {
    return join(this.path, role, "downloads");
  }

  /** /certs of both: cert.pem (leaf first, without the root), priv.key, ca.pem. */
  get certificates(): string {
    return join(this.path, "certs");
  }

  /** Standard output and error of an endpoint. */
  output(role: Role): string {
    return join(this.path, role, "output.txt");
  }

  /** What was run, with which seed, and the verdict. */
  get record(): string {
    return join(this.path, "result.json");
  }
}
