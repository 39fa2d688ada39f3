/**
 * The backend that a run of the tests is about. Network tests run twice (test/runner/groups.ts):
 * once with what the server chooses by itself, and once with QUICD_TEST_BACKEND=syscalls. Helpers
 * that start servers ask for it here, and make sure that they got it.
 */
import type { EngineView } from "../../src/native/addon.ts";

export type Backend = EngineView["backend"];

const BACKENDS: readonly string[] = ["io_uring", "syscalls"] satisfies Backend[];

/** Undefined: whatever the server chooses. */
export function wantedBackend(): Backend | undefined {
  const name = process.env.QUICD_TEST_BACKEND ?? "";
  if (name === "") return undefined;
  if (!BACKENDS.includes(name)) {
    throw new Error(`QUICD_TEST_BACKEND is "${name}"; it may be ${BACKENDS.join(" or ")}`);
  }
  return name as Backend;
}

/** @throws Error when `wanted` was asked for and the server runs on another one. */
export function requireBackend(wanted: string | undefined, got: string): void {
  if (wanted === undefined || wanted === "auto" || wanted === got) return;
  throw new Error(`the server was asked for the backend ${wanted} and runs on "${got}"`);
}
