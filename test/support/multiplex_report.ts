/** interop/peers/quic_go/multiplex, and what it prints. */
import { multiplexCommand, run } from "./peer.ts";

export interface MultiplexReport {
  seconds: number;
  /** Connections that went over to the first socket. */
  migrated: number;
  transfers: {
    connection: number;
    round: number;
    kind: "download" | "upload";
    bytes: number;
    sha256: string;
    error?: string;
  }[];
  errors: string[];
}

export async function multiplex(
  args: readonly string[],
  prefix: readonly string[] = [],
  limitSeconds = 60,
): Promise<MultiplexReport> {
  const flags = [...args, "-timeout", `${limitSeconds}s`];
  const outcome = await run([...prefix, ...multiplexCommand(...flags)], limitSeconds + 10);
  if (!outcome.stdout.startsWith("{")) {
    throw new Error(`multiplex exited with ${outcome.exitCode}: ${outcome.stderr.slice(-500)}`);
  }
  return JSON.parse(outcome.stdout) as MultiplexReport;
}

/** What went wrong in it, in words. */
export function faultsOf(report: MultiplexReport, downloadHash: string): string[] {
  const transfers = report.transfers.flatMap((transfer) => {
    const { connection, round, kind, error, sha256 } = transfer;
    const name = `${kind} ${round} of connection ${connection}`;
    if (error !== undefined) return [`${name}: ${error}`];
    return kind === "download" && sha256 !== downloadHash ? [`${name}: another body`] : [];
  });
  return [...report.errors, ...transfers];
}
