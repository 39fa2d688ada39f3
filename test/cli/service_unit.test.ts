/** docs/quicd.service: systemd takes it, and what it says fits what the server says of itself. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArguments } from "../../src/cli/arguments.ts";
import type { Plan } from "../../src/cli/doctor/facts.ts";
import { neededLockedMemory } from "../../src/cli/doctor/needs.ts";
import { configSchema } from "../../src/config/schema.ts";
import { ROOT, skipReason } from "../support/peer.ts";
import { TemporaryFolder } from "../support/server_process.ts";

const PATH = join(ROOT, "docs/quicd.service");
const text = readFileSync(PATH, "utf8");
/** More workers than this there can't be. */
const LARGEST: Plan = {
  ...{ host: "::", port: 443, workers: 64, appThreads: 0, routing: "ebpf", backend: "auto" },
  ...{ gro: true, gso: true, socketBufferBytes: 1 << 22 },
};

/** All values of a setting; lines that end in a backslash go on. */
function settings(name: string): string[] {
  const lines = text.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.split(/=(.*)/)[1]!);
}

function setting(name: string): string {
  const values = settings(name);
  expect([name, values.length]).toEqual([name, 1]);
  return values[0]!;
}

function verify(unit: string): { exitCode: number; said: string } {
  using folder = new TemporaryFolder();
  const path = folder.join(basename(PATH));
  writeFileSync(path, unit);
  const outcome = Bun.spawnSync(["systemd-analyze", "verify", path]);
  return {
    exitCode: outcome.exitCode,
    said: outcome.stdout.toString() + outcome.stderr.toString(),
  };
}

const none = Bun.which("systemd-analyze") === null ? "systemd-analyze is not installed" : null;

describe.skipIf(skipReason(none))("systemd-analyze", () => {
  const here = text.replace("/usr/local/bin/bun", process.execPath);

  test("has nothing against the unit", () => {
    expect(verify(here)).toEqual({ exitCode: 0, said: "" });
  });

  test("would have", () => {
    expect(verify(here.replace("ProtectSystem=strict", "ProtectSystem=stern")).said).toContain(
      "stern",
    );
    expect(verify(here.replace(process.execPath, "/no/bun")).exitCode).not.toBe(0);
  });
});

test("the command line is one that the server takes", () => {
  const [bun, script, ...args] = setting("ExecStart").split(/\s+/);
  expect([basename(bun!), basename(script!)]).toEqual(["bun", "cli.ts"]);
  const invocation = parseArguments(args);
  if (invocation.command !== "serve") throw new Error(`it is ${invocation.command}`);
  const flags = Object.fromEntries(invocation.flags.map((flag) => [flag.origin, flag.text]));
  expect(flags["--routing"]).toBe("ebpf");
  const credentials = settings("LoadCredential").map((value) => `%d/${value.split(":")[0]}`);
  expect([flags["--cert"], flags["--key"]]).toEqual(credentials);
});

test("capabilities: the one for eBPF, and the one for a port below 1024", () => {
  const both = "CAP_BPF CAP_NET_BIND_SERVICE";
  expect([setting("AmbientCapabilities"), setting("CapabilityBoundingSet")]).toEqual([both, both]);
});

test("limits: time to stop, memory for all workers", () => {
  const graceMs = configSchema.parse({}).apps.shutdown_grace_ms;
  expect(Number.parseInt(setting("TimeoutStopSec"), 10) * 1000).toBeGreaterThan(graceMs);
  expect(setting("LimitMEMLOCK")).toEndWith("M");
  const locked = Number.parseInt(setting("LimitMEMLOCK"), 10) << 20;
  expect(locked).toBeGreaterThanOrEqual(neededLockedMemory(LARGEST));
});
