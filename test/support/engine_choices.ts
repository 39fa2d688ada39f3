/**
 * What a server can be told to do on this machine, so that tests say which parts they leave out.
 */
import type { EngineOptions } from "../../src/native/addon.ts";
import { MeasuredServer } from "./measured_server.ts";
import { skipReason } from "./peer.ts";

export interface Choice {
  routing: EngineOptions["routing"];
  backend: EngineOptions["backend"];
}

const ROUTINGS = ["ebpf", "forward"] as const;
const BACKENDS = ["io_uring", "syscalls"] as const;

/** Every way that is open here; the others are named. */
export async function usableChoices(): Promise<Choice[]> {
  const { routings, backends } = await usable();
  return routings.flatMap((routing) => backends.map((backend) => ({ routing, backend })));
}

/** What "auto" does not choose is refused here. */
async function usable() {
  const server = await MeasuredServer.start({
    ...{ hostname: "127.0.0.1", workers: 2, idleTimeoutMs: 1000, handshakeTimeoutMs: 1000 },
    ...{ routing: "auto", backend: "auto" },
  });
  const { routing, routingNote, backend, backendNote } = server.chosen;
  await server.stop();
  const noEbpf = skipReason(routing === "ebpf" ? null : `routing "ebpf": ${routingNote}`);
  const noUring = skipReason(backend === "io_uring" ? null : `io_uring: ${backendNote}`);
  return {
    routings: ROUTINGS.filter((name) => name !== "ebpf" || !noEbpf),
    backends: BACKENDS.filter((name) => name !== "io_uring" || !noUring),
  };
}
