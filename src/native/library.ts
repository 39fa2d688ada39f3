/**
 * Loads build/lib/quicd.node, once per thread, both ways: `process.dlopen` gives the N-API addon
 * (lifecycle and doorbells), bun:ffi the hot calls. One file, so both see the same state.
 *
 * A library built from another abi.h is refused: every offset in abi.gen.ts would be a guess.
 */
import { dlopen, type Pointer, toArrayBuffer } from "bun:ffi";
import { existsSync } from "node:fs";
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

/** The file is not there, or this system cannot load it: what another server may stand in for. */
export class NativeMissing extends Error {
  override readonly name = "NativeMissing";

  /** @param reason one line */
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`quicd: the native part is missing (${path}: ${reason}): run ./setup, on Linux x86-64`);
  }
}

let loaded: NativeLibrary | null = null;

/** `QUICD_NATIVE`, else the build directory of the package. */
export function libraryPath(): string {
  return process.env.QUICD_NATIVE ?? BUILT;
}

/**
 * @throws {NativeMissing} when there is nothing that this system could load
 * @throws Error for a library of another version: names the file, what differs and the remedy
 */
export function loadLibrary(): NativeLibrary {
  loaded ??= openLibrary(libraryPath());
  return loaded;
}

/** As {@link loadLibrary}, of the file at `path`; the thread's own library stays what it is. */
export function openLibrary(path: string): NativeLibrary {
  // The addon first: its environment hooks must stand before any other call into the file.
  const addon = loadAddon(path);
  const calls = loadCalls(path);
  checkHash(calls.quicd_abi_hash(), path);
  return { path, addon, calls };
}

/**
 * Puts `library` in the place of this thread's, for engines that start from now on, and gives the
 * one that was there. Whoever does so ends those engines before putting it back.
 */
export function swapLibrary(library: NativeLibrary | null): NativeLibrary | null {
  const before = loaded;
  loaded = library;
  return before;
}

function loadAddon(path: string): Addon {
  if (!existsSync(path)) throw new NativeMissing(path, missingReason());
  const module = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code !== "ERR_DLOPEN_FAILED") throw new Error(`quicd: ${path} is no addon: ${text}`);
    throw new NativeMissing(path, text.split("\n", 1)[0]!.replace(`${path}: `, ""));
  }
  return module.exports as Addon;
}

function missingReason(): string {
  const system = `${process.platform}-${process.arch}`;
  return system === "linux-x64" ? "no such file" : `none is built for ${system}`;
}

function loadCalls(path: string) {
  try {
    return dlopen(path, SYMBOLS).symbols;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`quicd: ${path} is of another version (${text}): run ./setup`);
  }
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
