/** Judges one run of a case, as the QUIC Interop Runner would (see quic_rules.ts). */
import { existsSync, readFileSync } from "node:fs";
import type { Case, CasePlan, Role, Verdict } from "../cases/case.ts";
import type { RunFolder } from "../runner/run_folder.ts";
import type { Evidence } from "./evidence.ts";
import { transferSeconds } from "./path_rules.ts";
import { type Judgement, QUIC_JUDGEMENTS } from "./quic_rules.ts";
import { readTrace } from "./trace.ts";
import { tsharkUnavailable } from "./tshark.ts";
import { WEBTRANSPORT_JUDGEMENTS } from "./webtransport_rules.ts";

/** What an endpoint exits with that does not take part in the case. */
const UNSUPPORTED = 127;

/** Null when runs can be judged on this machine; else why not, with the remedy. */
export function judgeUnavailable(): string | null {
  return tsharkUnavailable();
}

/**
 * `exitCodes`: null of an endpoint that never ended by itself.
 *
 * @throws when there is no such case, no tshark, or no capture.
 */
export async function judge(
  case_: Case,
  plan: CasePlan,
  folder: RunFolder,
  exitCodes: Record<Role, number | null>,
): Promise<Verdict> {
  const judgement = judgementOf(case_);
  const early = judgeExits(exitCodes, case_.timeoutSeconds);
  if (early !== null) return early;
  const missing = judgeUnavailable();
  if (missing !== null) throw new Error(missing);
  const keyLog = findKeyLog(folder);
  if (judgement.needsKeys && keyLog === null) {
    return { outcome: "unsupported", reasons: ["Neither endpoint wrote a key log."] };
  }
  const [left, right] = await Promise.all([
    readTrace(folder.leftCapture, keyLog, judgement.left ?? "none"),
    readTrace(folder.rightCapture, keyLog, judgement.right ?? "none"),
  ]);
  return apply(case_, judgement, { plan, folder, left, right });
}

function judgementOf({ suite, name }: Case): Judgement {
  const table = suite === "quic" ? QUIC_JUDGEMENTS : WEBTRANSPORT_JUDGEMENTS;
  const found = table.get(name);
  if (found === undefined) {
    const known = [...table.keys()].join(", ");
    throw new Error(`no rules for the ${suite} case "${name}". Remedy: one of ${known}`);
  }
  return found;
}

function judgeExits(
  exitCodes: Record<Role, number | null>,
  timeoutSeconds: number,
): Verdict | null {
  const { client, server } = exitCodes;
  for (const [role, code] of Object.entries(exitCodes)) {
    if (code === UNSUPPORTED) {
      return { outcome: "unsupported", reasons: [`The ${role} does not take part (exit 127).`] };
    }
  }
  if (client === null) {
    const reason = `The client was still running after the ${timeoutSeconds} s of the case.`;
    return { outcome: "failed", reasons: [reason] };
  }
  if (client === 0 || server === 0) return null;
  const ended = server === null ? "had to be ended" : `exited with ${server}`;
  const reason = `The client exited with ${client}, expected 0; the server ${ended}.`;
  return { outcome: "failed", reasons: [reason] };
}

/** The client's if it has what is needed, else the server's. */
function findKeyLog(folder: RunFolder): string | null {
  const paths = [folder.keyLog("client"), folder.keyLog("server")];
  const usable = (path: string) =>
    existsSync(path) && /^SERVER_HANDSHAKE_TRAFFIC_SECRET/m.test(readFileSync(path, "utf8"));
  return paths.find(usable) ?? null;
}

/** Exported for tests: what the evidence says, once there is some. */
export function apply(case_: Case, judgement: Judgement, evidence: Evidence): Verdict {
  const blind = emptyCaptures(evidence);
  if (blind.length > 0) return { outcome: "failed", reasons: blind };
  const reasons = judgement.rules.flatMap((rule) => rule(evidence));
  if (case_.kind === "test" || reasons.length > 0) {
    return { outcome: reasons.length > 0 ? "failed" : "succeeded", reasons };
  }
  const seconds = transferSeconds(evidence.left);
  if (seconds === null) {
    return { outcome: "failed", reasons: ["The server sent fewer than two 1-RTT packets."] };
  }
  const bytes = evidence.plan.files.server.reduce((sum, file) => sum + file.bytes, 0);
  return { outcome: "succeeded", reasons: [], kbitPerSecond: (8 * bytes) / seconds / 1000 };
}

/** In them no rule would find anything wrong. */
function emptyCaptures({ left, right }: Evidence): string[] {
  const sides = [["client", left] as const, ["server", right] as const];
  return sides
    .filter(([, datagrams]) => datagrams.length === 0)
    .map(([side]) => `No QUIC packet was captured at the ${side}'s side.`);
}
