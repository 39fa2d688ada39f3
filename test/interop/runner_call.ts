/** The interop runner as its users call it, in a process of its own. */
import { expect } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judgeUnavailable } from "../../interop/judge/judge.ts";
import { labUnavailable } from "../../interop/lab/open_lab.ts";
import type { Endpoint } from "../../interop/peers/endpoint.ts";
import { ENDPOINTS } from "../../interop/peers/endpoints.ts";
import { ROOT } from "../support/peer.ts";

const PROGRAM = join(ROOT, "interop/runner/interop.ts");

/** Null when cases can be run and judged on this machine. */
export function runnerUnavailable(): string | null {
  return labUnavailable() ?? judgeUnavailable();
}

/** Why one of them cannot take part here, or null. */
export function endpointMissing(...names: string[]): string | null {
  for (const name of names) {
    const endpoint = ENDPOINTS.find((one) => one.name === name);
    const why = endpoint === undefined ? `there is no endpoint ${name}` : endpoint.missing();
    if (why !== null) return why;
  }
  return null;
}

/** Those who can take part here, by name. */
export function presentEndpoints(suite: Endpoint["suites"][number] = "quic"): string[] {
  const present = ENDPOINTS.filter((one) => one.suites.includes(suite) && one.missing() === null);
  return present.map((one) => one.name);
}

export interface RunnerCall {
  readonly output: string;
  exited: Promise<number>;
  kill(signal: "SIGINT" | "SIGTERM"): void;
}

/** `command`: what runs the runner; by default its own program. */
export function startRunner(
  args: readonly string[],
  command: readonly string[] = [PROGRAM],
): RunnerCall {
  const child = Bun.spawn([process.execPath, ...command, ...args], {
    ...{ cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  });
  const call = { output: "" };
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) call.output += decoder.decode(bytes, { stream: true });
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const exited = Promise.all([child.exited, collected]).then(([code]) => code);
  return Object.assign(call, { exited, kill: (signal: NodeJS.Signals) => child.kill(signal) });
}

/** A long matrix, as expected; one that was cut short, with its results in `out`, goes on. */
export async function expectLongMatrix(out: string, args: readonly string[]): Promise<void> {
  const resume = existsSync(join(out, "runs.jsonl")) ? ["--resume"] : [];
  const call = startRunner([...args, "--out", out, ...resume]);
  const exitCode = await call.exited;
  expect([exitCode, exitCode === 0 ? "" : call.output]).toEqual([0, ""]);
}

/** A folder for results, and how to remove it. */
export function resultFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "quicd-interop-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
