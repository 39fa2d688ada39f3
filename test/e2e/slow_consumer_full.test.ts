/**
 * A handler that does not read: the peer meets flow control, the server's memory stays flat, and
 * reading later works.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { hashFile } from "../support/fixture.ts";
import { curl, curlCommand, peerMissing, run } from "../support/peer.ts";
import { residentBytes } from "../support/process_usage.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

const UPLOAD_BYTES = 1 << 30;
const MIB = 1 << 20;
/** Connection window (4 MiB), its chunks in the slab, and what an allocator keeps. */
const GROWTH_LIMIT_BYTES = 24 * MIB;
/**
 * Reading makes garbage in JavaScript, and the collector lets it grow in proportion to what it
 * counts as live, the views of the slabs included: a sawtooth of 100 to 220 MiB was seen. What must
 * not happen is that the gigabyte piles up.
 */
const READ_LIMIT_BYTES = 384 * MIB;
const HELD_SECONDS = 6;

describe.skipIf(peerMissing("curl"))("a slow consumer", () => {
  let server: ServerProcess;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = new TemporaryFolder();
    server = await ServerProcess.start({
      target: join(import.meta.dir, "apps/test_app.ts"),
      env: { QUICD_HTTP_MAX_BODY_BYTES: `${2 * UPLOAD_BYTES}` },
    });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
    folder?.[Symbol.dispose]();
  });

  test("1 GB that is not read costs the windows, and is whole once it is read", async () => {
    const path = folder.join("upload");
    writeSparse(path, UPLOAD_BYTES);
    // Warm: code, slabs and buffers that one upload needs are there before the first figure.
    const warm = folder.join("warm");
    writeSparse(warm, 32 * MIB);
    await curl("-o", folder.join("ignored"), "-T", warm, `${server.url}/count`);
    const baseBytes = residentBytes(server.pid);

    const answer = folder.join("answer");
    const upload = run(
      curlCommand("--max-time", "280", "-o", answer, "-T", path, `${server.url}/hold?a`),
      290,
    );
    let highestBytes = 0;
    for (let i = 0; i < HELD_SECONDS * 10; i++) {
      await Bun.sleep(100);
      highestBytes = Math.max(highestBytes, residentBytes(server.pid));
    }
    const heldGrowth = highestBytes - baseBytes;
    // The connection still answers others while that one is stuck.
    const released = await curl(`${server.url}/release?a`);
    expect(released.stdout).toBe("released");
    let done = false;
    void upload.then(() => {
      done = true;
    });
    while (!done) {
      highestBytes = Math.max(highestBytes, residentBytes(server.pid));
      await Bun.sleep(50);
    }
    const readGrowth = highestBytes - baseBytes;
    const mib = (bytes: number) => (bytes / MIB).toFixed(1);
    const { exitCode, stderr, seconds } = await upload;
    console.log(
      `slow consumer: RSS ${mib(baseBytes)} MiB, +${mib(heldGrowth)} while held, ` +
        `+${mib(readGrowth)} at most while read; ${seconds.toFixed(1)} s in all`,
    );
    expect(`${exitCode} ${stderr}`).toBe("0 ");
    expect(await Bun.file(answer).json()).toEqual({
      bytes: UPLOAD_BYTES,
      sha256: await hashFile(path),
    });
    expect(heldGrowth).toBeLessThan(GROWTH_LIMIT_BYTES);
    expect(readGrowth).toBeLessThan(READ_LIMIT_BYTES);
  }, 300_000);
});

/** Zeros with a number at every mebibyte: no disk to speak of, and no two places alike. */
function writeSparse(path: string, bytes: number): void {
  const file = openSync(path, "w");
  ftruncateSync(file, bytes);
  for (let at = 0; at < bytes; at += MIB) writeSync(file, `${at}`, at);
  closeSync(file);
}
