/**
 * An implementation as the runner sees it: a command that reads ROLE, TESTCASE, REQUESTS and the
 * rest from its environment, exactly as the entry point of its image would (see ../README.md).
 * The list of them is in endpoints.ts.
 */
import type { Role } from "../cases/case.ts";

export interface Endpoint {
  /** As the matrix shows it. */
  name: string;
  /** What it is, with its version: "quic-go 0.65.0, published interop programs". */
  description: string;
  roles: readonly Role[];
  /** Absolute path and arguments of its run_endpoint.sh. */
  command: readonly string[];
  /** Which cases of which suite it can take part in at all. */
  suites: readonly ("quic" | "webtransport")[];
  /** Null when it can run here; else why not, with the remedy. */
  missing(): string | null;
}
