#!/usr/bin/env bun
/**
 *     bun interop/judge/main.ts rebind-port build/interop/run
 *     bun interop/judge/main.ts webtransport/handshake build/interop/run
 *
 * Judges a run that was kept (see ../runner/run_folder.ts) once more, by its captures, key logs and
 * files. What its record does not say is guessed: exit codes of 0, and that all files in the
 * folders to be fetched from were asked for. Exits with 1 when it failed.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { Case, CasePlan, Role } from "../cases/case.ts";
import { QUIC_CASES } from "../cases/quic_cases.ts";
import { WEBTRANSPORT_CASES } from "../cases/webtransport_cases.ts";
import { createRandom } from "../netsim/random.ts";
import { RunFolder } from "../runner/run_folder.ts";
import { judge } from "./judge.ts";

const [name, path] = process.argv.slice(2);
const names = new Map<string, Case>([
  ...QUIC_CASES.map((case_) => [case_.name, case_] as const),
  ...WEBTRANSPORT_CASES.map((case_) => [`webtransport/${case_.name}`, case_] as const),
]);
const case_ = names.get(name ?? "");
if (case_ === undefined || path === undefined) {
  const known = [...names.keys()].join(" ");
  console.error(`usage: bun interop/judge/main.ts CASE RUN_FOLDER\nCASE is one of: ${known}`);
  process.exit(2);
}
const folder = new RunFolder(path);
if (!existsSync(folder.leftCapture)) {
  console.error(`${folder.leftCapture}: no such capture. Remedy: give the folder of a run.`);
  process.exit(2);
}
const record = existsSync(folder.record) ? JSON.parse(readFileSync(folder.record, "utf8")) : {};
const exitCodes = record.exitCodes ?? { client: 0, server: 0 };
const verdict = await judge(case_, planOf(case_, folder), folder, exitCodes);
for (const reason of verdict.reasons) console.log(reason);
const speed =
  verdict.kbitPerSecond === undefined ? "" : ` ${verdict.kbitPerSecond.toFixed(0)} kbps`;
console.log(`${case_.name}: ${verdict.outcome}${speed}`);
process.exit(verdict.outcome === "failed" ? 1 : 0);

/** Drawn from the recorded seed again; the files are those that are there. */
function planOf({ plan }: Case, run: RunFolder): CasePlan {
  const files = (role: Role) => {
    const root = run.www(role);
    if (!existsSync(root)) return [];
    return readdirSync(root, { recursive: true, encoding: "utf8" })
      .map((file) => join(root, file))
      .filter((file) => statSync(file).isFile())
      .map((file) => ({ name: relative(root, file), bytes: statSync(file).size }));
  };
  const drawn = plan(createRandom(record.seed ?? 0));
  return { ...drawn, files: { client: files("client"), server: files("server") } };
}
