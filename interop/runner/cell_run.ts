/**
 * One run of one case between two endpoints, as the runner does it: server, simulator and client
 * start together and wait for each other by the contract; the first endpoint that ends, or the
 * time limit, ends the run; then the judge looks at what is left.
 */
import { writeFileSync } from "node:fs";
import type { Case, CasePlan, Role, Verdict } from "../cases/case.ts";
import { judge } from "../judge/judge.ts";
import type { Container, ContainerOptions, Lab, SimulatorOptions } from "../lab/lab.ts";
import type { Participant } from "./participant.ts";
import type { RunFolder } from "./run_folder.ts";
import { layOut } from "./workload.ts";

/** What an endpoint says to a test case that it does not take part in. */
export const UNSUPPORTED = 127;

export interface CellRun {
  case: Case;
  participants: Readonly<Record<Role, Participant>>;
  seed: number;
  confined: boolean;
  corrupt: SimulatorOptions["corrupt"];
  folder: RunFolder;
  /** See certificates.ts. */
  certificates: string;
}

export interface CellResult extends Verdict {
  exitCodes: Record<Role, number | null>;
  seconds: number;
}

/** Why a run ended: an endpoint did, nobody answered the simulator's probe, or it took too long. */
type Ending = { who: Role; code: number } | { who: "simulator"; why: string } | { who: "nobody" };

export async function runCell(lab: Lab, run: CellRun): Promise<CellResult> {
  const started = performance.now();
  const plan = layOut(run.case, run.seed, run.folder, run.certificates);
  const { ending, exitCodes } = await play(lab, run, plan);
  const verdict = await verdictOf(run, plan, ending, exitCodes);
  const result = { ...verdict, exitCodes, seconds: (performance.now() - started) / 1000 };
  writeFileSync(run.folder.record, `${JSON.stringify(recordOf(run, plan, result), null, 2)}\n`);
  return result;
}

async function play(lab: Lab, run: CellRun, plan: CasePlan) {
  const server = await lab.start(containerOptions(run, plan, "server"));
  const simulator = await lab.simulate({
    scenario: run.case.scenario,
    seed: run.seed,
    corrupt: run.corrupt,
    folder: run.folder.simulatorLogs,
  });
  const client = await lab.start(containerOptions(run, plan, "client"));
  const nothing = () => null;
  const crossing = run.case.crossTraffic
    ? simulator.ready.then(() => lab.crossTraffic("cubic"), nothing)
    : null;
  // Without its traffic the run measures something else: what it throws is met below.
  crossing?.catch(nothing);
  const ending = await firstOf(run, { server, client }, simulator.ready);
  const exitCodes: Record<Role, number | null> = {
    client: await client.stop(),
    server: await server.stop(),
  };
  // Null is who still ran at the end; when the server was done, our signal only asked the client.
  if (ending.who === "nobody" || ending.who === "simulator") exitCodes.client = null;
  await (await crossing)?.stop();
  await simulator.stop();
  return { ending, exitCodes };
}

async function firstOf(
  run: CellRun,
  containers: Readonly<Record<Role, Container>>,
  ready: Promise<void>,
): Promise<Ending> {
  const expired = Promise.withResolvers<Ending>();
  const { timeoutSeconds } = run.case;
  const timer = setTimeout(() => expired.resolve({ who: "nobody" }), timeoutSeconds * 1000);
  const exit = async (who: Role): Promise<Ending> => ({ who, code: await containers[who].exited });
  const refused = Promise.withResolvers<Ending>();
  ready.catch((error) => refused.resolve({ who: "simulator", why: messageOf(error) }));
  try {
    return await Promise.race([exit("client"), exit("server"), refused.promise, expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function verdictOf(
  run: CellRun,
  plan: CasePlan,
  ending: Ending,
  exitCodes: Record<Role, number | null>,
): Promise<Verdict> {
  const failed = (reason: string): Verdict => ({ outcome: "failed", reasons: [reason] });
  const declined = (["client", "server"] as const).filter(
    (role) => exitCodes[role] === UNSUPPORTED,
  );
  if (declined.length > 0) {
    const reasons = declined.map((role) => `The ${role} does not take part (exit 127).`);
    return { outcome: "unsupported", reasons };
  }
  switch (ending.who) {
    case "nobody":
      return failed(
        `The client was still running after the ${run.case.timeoutSeconds} s of the case.`,
      );
    case "simulator":
      return failed(`The server did not answer: ${ending.why}`);
    case "server":
      // In WebTransport a server may be the one who asks: then it is done with 0.
      if (ending.code !== 0)
        return failed(`The server ended before the client, with exit code ${ending.code}.`);
      return await judge(run.case, plan, run.folder, exitCodes);
    case "client":
      return await judge(run.case, plan, run.folder, exitCodes);
  }
}

function containerOptions(run: CellRun, plan: CasePlan, role: Role): ContainerOptions {
  const { endpoint, params } = run.participants[role];
  const { folder } = run;
  return {
    role,
    command: endpoint.command,
    environment: environmentOf(role, run.case.testcase[role], params, {
      ...(plan.requests[role] === "" ? {} : { REQUESTS: plan.requests[role] }),
      ...(plan.protocols[role] === "" ? {} : { PROTOCOLS: plan.protocols[role] }),
    }),
    mounts: {
      www: folder.www(role),
      downloads: folder.downloads(role),
      certificates: folder.certificates,
      logs: folder.logs(role),
    },
    confined: run.confined,
    outputPath: folder.output(role),
  };
}

/** What an image of the runner is told. */
export function environmentOf(
  role: Role,
  testcase: string,
  params: string,
  more: Record<string, string>,
): Record<string, string> {
  return {
    ROLE: role,
    TESTCASE: testcase,
    SSLKEYLOGFILE: "/logs/keys.log",
    QLOGDIR: "/logs/qlog/",
    [role === "client" ? "CLIENT_PARAMS" : "SERVER_PARAMS"]: params,
    ...more,
  };
}

function recordOf(run: CellRun, plan: CasePlan, result: CellResult): Record<string, unknown> {
  const { participants } = run;
  const side = (role: Role) => {
    const { endpoint, params } = participants[role];
    return { name: endpoint.name, description: endpoint.description, params };
  };
  return {
    case: run.case.name,
    scenario: run.case.scenario,
    testcase: run.case.testcase,
    seed: run.seed,
    confined: run.confined,
    corrupt: run.corrupt,
    server: side("server"),
    client: side("client"),
    requests: plan.requests,
    ...result,
  };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
