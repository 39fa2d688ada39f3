/** Runs arms side by side: for each layout and workload rounds of all of them, interleaved. */
import { type Arm, type ArmPlan, startArms } from "./arm.ts";
import { figuresOf, type Unit } from "./arm_figures.ts";
import { type ArmRounds, type ArmSummary, armTable, summarizeArms } from "./arm_table.ts";
import { BenchCertificate } from "./certificate.ts";
import { interleave } from "./interleave.ts";
import { type Layout, layouts } from "./layout.ts";
import { type LoadOptions, loadClient } from "./load.ts";
import type { BenchOptions } from "./options.ts";
import { measure, type Round } from "./round.ts";
import { evenPorts, portsByClient } from "./source_ports.ts";

export interface Workload {
  label: string;
  unit: Unit;
  load: Pick<LoadOptions, "mode" | "streams" | "bytes" | "verify">;
}

export interface ArmBench {
  label: string;
  plans: readonly ArmPlan[];
  workloads: readonly Workload[];
  rounds: number;
  seconds: number;
}

/** One layout and workload. */
export interface Part {
  label: string;
  layout: Layout;
  workload: Workload;
  arms: ArmRounds[];
}

export interface ArmOutcome {
  parts: Part[];
  /** Why arms are missing. */
  missing: string[];
  thrownAway: number;
  rounds: number;
  seconds: number;
}

/** Divides by one or two places, and each of those by one or two clients. */
export const CONNECTIONS = 8;
const WARM_UP_SECONDS = 0.3;
const QUICK = { rounds: 2, seconds: 0.3, warmUpSeconds: 0.1 };

/** Source ports for each client, even over the places of the arm. */
async function portsOf(arm: Arm, layout: Layout): Promise<number[][]> {
  const places = (await arm.places()).length;
  const ports = await evenPorts(arm, CONNECTIONS / places);
  return portsByClient(ports, layout.clientCpus.length);
}

export async function runArms(
  bench: ArmBench,
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<ArmOutcome> {
  await loadClient();
  using certificate = new BenchCertificate();
  const rounds = options.rounds ?? (options.quick ? QUICK.rounds : bench.rounds);
  const seconds = options.seconds ?? (options.quick ? QUICK.seconds : bench.seconds);
  const outcome: ArmOutcome = { parts: [], missing: [], thrownAway: 0, rounds, seconds };
  for (const layout of layouts(options.layout)) {
    const around = { certificate, backend: options.backend, layout };
    await using arms = await startArms(bench.plans, around);
    outcome.missing = arms.missing;
    const ports = new Map<Arm, number[][]>();
    for (const arm of arms.all) {
      progress(`${bench.label} ${layout.name}: looking for source ports, ${arm.name}`);
      ports.set(arm, await portsOf(arm, layout));
    }
    for (const workload of bench.workloads) {
      const label = `${layout.name} ${workload.label}`;
      const loads = (arm: Arm): LoadOptions[] =>
        layout.clientCpus.map((cpu, client) => ({
          ...{ ...workload.load, cpu, seconds },
          connections: CONNECTIONS / layout.clientCpus.length,
          warmUpSeconds: options.quick ? QUICK.warmUpSeconds : WARM_UP_SECONDS,
          sourcePorts: ports.get(arm)?.[client] ?? [],
        }));
      const retakes = options.quick ? 0 : Math.ceil(rounds / 2);
      const taken = await interleave(
        arms.all,
        { label: `${bench.label} ${label}`, rounds, retakes, discarded: 1, progress },
        (arm) => measure(arm, loads(arm)),
        (round) => [round],
      );
      outcome.thrownAway += taken.thrownAway;
      const found = arms.all.map((arm) => ({ name: arm.name, rounds: taken.of(arm) }));
      outcome.parts.push({ label, layout, workload, arms: found });
    }
  }
  return outcome;
}

export function roundsOf({ parts }: ArmOutcome): Round[] {
  return parts.flatMap(({ arms }) => arms.flatMap(({ rounds }) => rounds));
}

export function tablesOf({ parts }: ArmOutcome): string[] {
  return parts.map(
    ({ label, arms, workload }) => `  ${label}\n${armTable(arms, figuresOf(workload.unit))}`,
  );
}

export function summaryOf({ parts }: ArmOutcome): ArmSummary[] {
  return parts.flatMap(({ label, arms, workload }) =>
    summarizeArms(label, arms, figuresOf(workload.unit)),
  );
}

/** The lines above the tables: what each arm and layout is. */
export function legendOf({ parts, missing }: ArmOutcome, plans: readonly ArmPlan[]): string {
  const known = new Map(parts.map(({ layout }) => [layout.name, layout.text]));
  return [
    ...[...known].map(([name, text]) => `  ${name.padEnd(12)}${text}`),
    ...plans.map(({ name, text }) => `  ${name.padEnd(12)}${text}`),
    ...missing.map((reason) => `  left out    ${reason}`),
  ].join("\n");
}

/** As JSON has them. */
export function rawRounds({ parts }: ArmOutcome): unknown[] {
  return parts.map(({ label, arms }) => ({ part: label, arms }));
}

export function methodOf({ rounds, seconds, thrownAway }: ArmOutcome): string {
  return (
    `${rounds} interleaved rounds of ${seconds} s after one that does not count, ` +
    `${CONNECTIONS} connections, closed loop, every answer checked; ${thrownAway} noisy rounds ` +
    `taken again`
  );
}
