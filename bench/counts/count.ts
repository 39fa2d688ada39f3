/** Builds the programs of a tree, runs them, and gives what was counted. */
import { join } from "node:path";
import { type Counted, EVERYTHING, type Only } from "./figures.ts";
import { countInMemory } from "./memory.ts";
import { toolchainOf } from "./toolchain.ts";
import { BACKENDS, backendRefused, countOnWire } from "./wire.ts";

export async function build(root: string): Promise<void> {
  const argv = ["make", "-C", join(root, "native"), "--no-print-directory", "counts"];
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("make -C native counts failed");
}

/** A backend that cannot be had here is left out. */
export async function countAll(root: string, only: Only = EVERYTHING): Promise<Counted> {
  await build(root);
  const wants = (tier: string) => only.tier === null || only.tier === tier;
  const memory = wants("memory") ? await countInMemory(root, only.operation) : {};
  const counted: Counted = { toolchain: toolchainOf(root), memory, wire: {} };
  for (const backend of BACKENDS) {
    if (!wants(backend) || backendRefused(root, backend) !== null) continue;
    counted.wire[backend] = await countOnWire(root, backend, only.operation);
  }
  return counted;
}
