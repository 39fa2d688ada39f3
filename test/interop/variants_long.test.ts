/**
 * Every case once against quic-go and ngtcp2 with more than one worker, each way of routing and
 * each backend. What was finished is not done again: delete build/interop/variants to begin anew.
 */
import { describe, test } from "bun:test";
import { join } from "node:path";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import { ROOT, skipReason } from "../support/peer.ts";
import { endpointMissing, expectLongMatrix, runnerUnavailable } from "./runner_call.ts";

/** A rate says nothing new here. */
const MEASUREMENTS = ["goodput", "crosstraffic"];
const CASES = QUIC_CASES.map((one) => one.name).filter((name) => !MEASUREMENTS.includes(name));
const PEERS = "quic_go,ngtcp2";
const LIMIT_MS = 2 * 3600 * 1000;
const unavailable = runnerUnavailable() ?? endpointMissing("quicd", ...PEERS.split(","));

const WORKERS = [2, 4] as const;
const BACKENDS = ["io_uring", "syscalls"] as const;
const ROUTINGS = ["ebpf", "forward"] as const;
const CLIENTS = WORKERS.flatMap((workers) =>
  BACKENDS.map((backend) => `--workers ${workers} --backend ${backend}`),
);
const SERVERS = CLIENTS.flatMap((flags) =>
  ROUTINGS.map((routing) => `${flags} --routing ${routing}`),
);

async function expectVariant(role: "client" | "server", flags: string): Promise<void> {
  const [server, client] = role === "server" ? ["quicd", PEERS] : [PEERS, "quicd"];
  const who = ["--server", server, "--client", client, "--case", CASES.join(",")];
  // A container has neither io_uring nor eBPF.
  const how = ["--unconfined", `--params-${role}=${flags}`];
  const name = `${role}${flags.replaceAll(/ ?--\w+ /g, "_")}`;
  await expectLongMatrix(join(ROOT, "build/interop/variants", name), [...who, ...how]);
}

describe.skipIf(skipReason(unavailable))("every case with workers, backends and routing", () => {
  test.each(SERVERS)("server %s", (flags) => expectVariant("server", flags), LIMIT_MS);
  test.each(CLIENTS)("client %s", (flags) => expectVariant("client", flags), LIMIT_MS);
});
