/** The load client is linked with the BoringSSL that was compiled for the server: one version. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

function boringVersion(lockFile: string): string | undefined {
  const text = readFileSync(join(ROOT, lockFile), "utf8");
  return /name = "boring-sys"\nversion = "([^"]+)"/.exec(text)?.[1];
}

test("one version of BoringSSL for server and load client", () => {
  const server = boringVersion("native/quiche/Cargo.lock");
  expect(server).toMatch(/^\d+\.\d+\.\d+$/);
  expect(boringVersion("bench/load/client/Cargo.lock")).toBe(server!);
});
