/**
 * Loads build/lib/quicd.node, once per thread, both ways: `require` gives the N-API addon
 * (lifecycle and doorbells), bun:ffi the hot calls. One file, so both see the same state.
 *
 * A library built from another abi.h is refused: every offset in abi.gen.ts would be a guess.
 */
import { dlopen, type Pointer, toArrayBuffer } from "bun:ffi";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { ABI_HASH } from "./abi.gen.ts";
import type { Addon } from "./addon.ts";
import type { HotCalls } from "./hot_calls.ts";

const BUILT = fileURLToPath(new URL("../../build/lib/quicd.node", import.meta.url));

const SYMBOLS = {
  quicd_abi_hash: { args: [], returns: "u32" },
  quicd_events_peek: { args: ["u32", "u32"], returns: "u32" },
  quicd_events_release: { args: ["u32", "u32", "u32"], returns: "void" },
  quicd_park: { args: ["u32"], returns: "u32" },
  quicd_commands_reserve: { args: ["u32", "u32"], returns: "u32" },
  quicd_commands_commit: { args: ["u32", "u32"], returns: "u32" },
  quicd_kick: { args: ["u32", "u32"], returns: "void" },
  quicd_buffer_take: { args: ["u32", "u32"], returns: "u32" },
  quicd_buffer_retain: { args: ["u32", "u32", "u32"], returns: "u32" },
  quicd_buffer_release: { args: ["u32", "u32", "u32"], returns: "u32" },
  quicd_stream_want: { args: ["u32", "u32", "u32", "u32"], returns: "u32" },
} as const;

export interface NativeLibrary {
  /** Where it was loaded from. */
  readonly path: string;
  readonly addon: Addon;
  readonly calls: HotCalls;
}

let loaded: NativeLibrary | null = null;

/** `QUICD_NATIVE`, else the build directory of the package. */
export function libraryPath(): string {
  return process.env.QUICD_NATIVE ?? BUILT;
}

/** @throws Error that names the file, the two hashes where they differ, and the remedy. */
export function loadLibrary(): NativeLibrary {
  if (loaded !== null) return loaded;
  const path = libraryPath();
  if (!existsSync(path)) {
    throw new Error(`quicd: the native library is missing (${path}): run ./setup`);
  }
  // The addon first: its environment hooks must stand before any other call into the file.
  const addon = createRequire(import.meta.url)(path) as Addon;
  const { symbols } = dlopen(path, SYMBOLS);
  checkHash(symbols.quicd_abi_hash(), path);
  loaded = { path, addon, calls: symbols };
  return loaded;
}

/** @throws Error when the library was built from another abi.h than abi.gen.ts. */
export function checkHash(nativeHash: number, path: string): void {
  if (nativeHash === ABI_HASH) return;
  throw new Error(
    `quicd: ${path} has ABI ${nativeHash}, this TypeScript has ${ABI_HASH}: run ./setup`,
  );
}

/** The bytes at a native address. Native owns them and keeps them mapped until the process ends. */
export function memoryAt(address: number, bytes: number): ArrayBuffer {
  return toArrayBuffer(address as Pointer, 0, bytes);
}
