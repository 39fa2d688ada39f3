/** `quicd doctor`: can this machine run quicd well, and if not, what would help. */
import { chooseWorkers, usableCpus } from "../../config/workers.ts";
import { type Config, loadConfig } from "../../config.ts";
import type { DoctorInvocation } from "../arguments.ts";
import { ExitCode } from "../exit_code.ts";
import type { Style } from "../style.ts";
import { deviceLines } from "./device_lines.ts";
import type { Facts, Plan } from "./facts.ts";
import { kernelLines } from "./kernel_lines.ts";
import { limitLines } from "./limit_lines.ts";
import type { Line } from "./line.ts";
import { examineMachine } from "./machine.ts";
import { outlook } from "./outlook.ts";
import { reportText } from "./report.ts";
import { socketLines } from "./socket_lines.ts";

/** @throws {UserError} when the configuration is wrong */
export function examine(
  { configPath, flags }: DoctorInvocation,
  env: Readonly<Record<string, string | undefined>>,
  style: Style,
): { text: string; exitCode: number } {
  const plan = planOf(loadConfig({ path: configPath, env, flags }));
  const facts = examineMachine(plan);
  const lines = judge(facts, plan);
  const failed = lines.some(({ verdict }) => verdict === "problem");
  return {
    text: reportText(lines, outlook(lines, facts, plan), style),
    exitCode: failed ? ExitCode.Failure : ExitCode.Ok,
  };
}

/** In the order of the report. */
export function judge(facts: Facts, plan: Plan): Line[] {
  return [
    ...kernelLines(facts, plan),
    ...socketLines(facts, plan),
    ...deviceLines(facts),
    ...limitLines(facts, plan),
  ];
}

function planOf({ netio, apps }: Config): Plan {
  return {
    /* As in engineOptions. */
    host: netio.host === "localhost" ? "127.0.0.1" : netio.host,
    port: netio.port,
    workers: chooseWorkers(netio, usableCpus()).workers,
    appThreads: apps.threads,
    routing: netio.routing,
    backend: netio.backend,
    gro: netio.gro,
    gso: netio.gso,
    socketBufferBytes: netio.socket_buffer_bytes,
  };
}
