/**
 * Ctrl-C with 500 responses under way: the whole process group gets the signal, as a terminal gives
 * it, so the server gets it twice (Bun's `run` passes it on). Every response that was begun arrives
 * whole; then the server ends by itself, with 0.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { testCertificate } from "../support/certificate.ts";
import { HeldConnections } from "../support/held_connections.ts";
import { peerMissing, ROOT } from "../support/peer.ts";
import { hashOf } from "../support/rebinding.ts";
import { sizedBody } from "./apps/sized_body.ts";

const CONNECTIONS = 500;
const BYTES = 100_000;
/** The default of `shutdown_grace_ms`. */
const GRACE_MS = 30_000;
const BLOCK_MS = 3000;
const EXPECTED = hashOf(sizedBody(BYTES));

/** `bun run serve` in a process group of its own. */
async function startGroup() {
  const { certPath, keyPath } = testCertificate();
  const app = join(import.meta.dir, "apps/begun_app.ts");
  const flags = ["--port", "0", "--host", "127.0.0.1", "--cert", certPath, "--key", keyPath];
  const env = { ...process.env, QUICD_FALLBACK: "never" };
  const child = Bun.spawn([process.execPath, "run", "serve", app, ...flags, "--quiet"], {
    cwd: ROOT,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    detached: true,
  });
  const reader = child.stdout.getReader();
  let banner = "";
  let port: string | undefined;
  while (port === undefined) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the server ended: ${banner}`);
    banner += new TextDecoder().decode(value);
    port = /https:\/\/[^\s/]+:(\d+)(?=[\s/])/.exec(banner)?.[1];
  }
  return { child, port: Number(port), interrupt: () => process.kill(-child.pid, "SIGINT") };
}

describe.skipIf(peerMissing("quic_go"))("Ctrl-C under 500 connections", () => {
  test.each([
    ["JavaScript free", false],
    ["JavaScript blocked by a handler", true],
  ])(
    "%s",
    async (_, blocked) => {
      const { child, port, interrupt } = await startGroup();
      const paths = ["x", "stream"].flatMap((name) => ["-path", `/${name}?bytes=${BYTES}`]);
      const trickle = ["-path", `/trickle?bytes=${BYTES}`];
      const held = await HeldConnections.open(port, CONNECTIONS, [
        ...paths,
        ...trickle,
        ...["-sockets", "4", "-parallel", "64"],
      ]);
      if (blocked) {
        const init = { protocol: "http3", tls: { rejectUnauthorized: false } } as RequestInit;
        void fetch(`https://127.0.0.1:${port}/block?ms=${BLOCK_MS}`, init).catch(() => {});
        await Bun.sleep(500);
      }
      const started = performance.now();
      interrupt();
      const report = await held.end();
      const downloadedMs = performance.now() - started;
      const exitCode = await child.exited;
      const exitMs = performance.now() - started;
      const whole = report.downloads.filter(({ sha256 }) => sha256 === EXPECTED).length;
      console.log(
        `Ctrl-C, blocked ${blocked}: ${whole} of ${CONNECTIONS} responses whole after ` +
          `${downloadedMs.toFixed(0)} ms, exit code ${exitCode} after ${exitMs.toFixed(0)} ms`,
      );
      expect(report.errors.slice(0, 5)).toEqual([]);
      const broken = report.downloads.filter((one) => one.sha256 !== EXPECTED);
      expect(broken.slice(0, 5)).toEqual([]);
      expect(report.downloads).toHaveLength(CONNECTIONS);
      expect(exitCode).toBe(0);
      expect(exitMs).toBeLessThan(GRACE_MS);
    },
    120_000,
  );
});
