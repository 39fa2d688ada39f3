/** `quicd why [ID]`: asks the servers that run on this machine, under this user. */
import { UserError } from "../config/user_error.ts";
import { controlFolder, controlPlaces } from "../telemetry/control_place.ts";
import type { ControlAnswer, ControlRequest } from "../telemetry/control_protocol.ts";
import { whyLine, whyText } from "../telemetry/why_report.ts";

import { ExitCode } from "./exit_code.ts";
import type { WhyInvocation } from "./why_arguments.ts";

/** A server that does not answer in this time is stuck, or its JavaScript is. */
const LIMIT_MS = 10_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What is to be printed.
 *
 * @throws {UserError} when no server runs, none has such a connection, or several have
 */
export async function explain(invocation: WhyInvocation, env: Environment): Promise<string> {
  const { id, json, controlPath } = invocation;
  const paths =
    controlPath === "" ? controlPlaces(controlFolder(env)).map(({ path }) => path) : [controlPath];
  if (paths.length === 0) {
    throw new UserError(
      `no server of this user runs with a control socket in ${controlFolder(env)}\n` +
        "  start one: quicd serve; or name its socket: quicd why --control PATH",
      ExitCode.Failure,
    );
  }
  const request: ControlRequest = id === "" ? { ask: "list" } : { ask: "why", id };
  const answers = await Promise.all(paths.map((path) => ask(path, request, controlPath !== "")));
  const heard = answers.filter((answer) => answer !== null);
  if (id === "") return listText(heard, json);
  return reportText(heard, id, json);
}

function listText(answers: readonly ControlAnswer[], json: boolean): string {
  const lists = answers.flatMap((answer) => {
    if (!answer.ok) throw new UserError(answer.message, ExitCode.Failure);
    return "reports" in answer ? [answer] : [];
  });
  if (json)
    return `${JSON.stringify(lists.map(({ pid, reports, more }) => ({ pid, reports, more })))}\n`;
  const lines = lists.flatMap(({ pid, reports, more }) => [
    `server ${pid}: ${reports.length + more} connections`,
    ...reports.map((report) => `  ${whyLine(report)}`),
    ...(more === 0 ? [] : [`  and ${more} more`]),
  ]);
  return `${lines.join("\n")}\n`;
}

function reportText(answers: readonly ControlAnswer[], id: string, json: boolean): string {
  const found = answers.flatMap((answer) =>
    answer.ok && "report" in answer ? [{ pid: answer.pid, report: answer.report }] : [],
  );
  const refusals = answers.flatMap((answer) => (answer.ok ? [] : [answer]));
  const ambiguous = refusals.filter(({ error }) => error === "ambiguous");
  if (found.length + ambiguous.length > 1 || ambiguous.length > 0) {
    const ids = [
      ...found.map(({ report }) => report.connectionId),
      ...ambiguous.flatMap((refusal) => refusal.ids ?? []),
    ];
    const shown = ids.slice(0, 10).map((one) => `\n  ${one}`);
    throw new UserError(`${ids.length} connections begin with ${id}:${shown.join("")}`, 2);
  }
  const [only] = found;
  if (only === undefined) {
    const refusal = refusals.find(({ error }) => error !== "unknown") ?? refusals[0];
    const message = refusal?.message ?? `no live connection begins with ${id}`;
    throw new UserError(message, refusal?.error === "bad-request" ? 2 : ExitCode.Failure);
  }
  if (json) return `${JSON.stringify({ pid: only.pid, ...only.report })}\n`;
  return `server ${only.pid}: ${whyText(only.report)}`;
}

/** Null for one that has gone since; an error if it was named. */
async function ask(
  path: string,
  request: ControlRequest,
  named: boolean,
): Promise<ControlAnswer | null> {
  const { promise, resolve, reject } = Promise.withResolvers<string | null>();
  const timer = setTimeout(
    () => reject(new UserError(`the server at ${path} does not answer`, ExitCode.Failure)),
    LIMIT_MS,
  );
  let text = "";
  const decoder = new TextDecoder();
  try {
    const socket = await Bun.connect({
      unix: path,
      socket: {
        data(from, bytes) {
          text += decoder.decode(bytes, { stream: true });
          if (!text.endsWith("\n")) return;
          from.end();
          resolve(text);
        },
        close: () => resolve(text.endsWith("\n") ? text : null),
      },
    });
    socket.write(`${JSON.stringify(request)}\n`);
  } catch (error) {
    clearTimeout(timer);
    if (!named) return null;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`no server answers at ${path}: ${reason}`, ExitCode.Failure);
  }
  const line = await promise.finally(() => clearTimeout(timer));
  return line === null ? null : (JSON.parse(line) as ControlAnswer);
}
