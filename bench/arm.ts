/** One of several things compared: a server of one process, or of several that share a port. */
import type { BenchCertificate } from "./certificate.ts";
import type { Layout } from "./layout.ts";
import type { ServerCounters } from "./servers/control.ts";
import { type Measured, Subject } from "./subject.ts";
import type { Usage } from "./usage.ts";

export interface ArmPlan {
  /** As it stands in tables: at most 10 characters. */
  name: string;
  /** What it is, in a line above the tables. */
  text: string;
  /** A file of bench/servers. */
  file: string;
  processes: number;
  workers: number;
  flags: readonly string[];
}

export interface ArmSurroundings {
  certificate: BenchCertificate;
  backend: string;
  /** Null: each runs where it likes. */
  layout: Layout | null;
}

export class Arm implements Measured, AsyncDisposable {
  private constructor(
    readonly plan: ArmPlan,
    private readonly subjects: readonly Subject[],
  ) {}

  /** @throws Error with the server's own words when it could not start. */
  static async start(plan: ArmPlan, around: ArmSurroundings): Promise<Arm> {
    const { name, file, workers, processes } = plan;
    const { certPath, keyPath } = around.certificate;
    const { backend, layout } = around;
    const subjects: Subject[] = [];
    for (let i = 0; i < processes; i++) {
      const cpus = layout?.serverCpus(i, processes) ?? null;
      const shared = processes === 1 ? [] : ["--reuse-port", "--port", `${subjects[0]?.port ?? 0}`];
      const common = { name, file, workers, backend, certPath, keyPath, cpus };
      subjects.push(await Subject.start({ ...common, flags: [...plan.flags, ...shared] }));
    }
    return new Arm(plan, subjects);
  }

  get name(): string {
    return this.plan.name;
  }

  get port(): number {
    return this.subjects[0]!.port;
  }

  get address(): string {
    return this.subjects[0]!.address;
  }

  usage(): Usage {
    const all = this.subjects.map((subject) => subject.usage());
    return {
      cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      systemSeconds: all.reduce((sum, { systemSeconds }) => sum + systemSeconds, 0),
      threads: new Map(all.flatMap(({ threads }) => [...threads])),
    };
  }

  async counters(): Promise<ServerCounters> {
    const sum: ServerCounters = {};
    for (const subject of this.subjects) {
      for (const [name, value] of Object.entries(await subject.counters())) {
        sum[name] = (sum[name] ?? 0) + value;
      }
    }
    return sum;
  }

  async places(): Promise<ServerCounters[]> {
    const places = [];
    for (const subject of this.subjects) places.push(...(await subject.places()));
    return places;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.subjects.map((subject) => subject.stop()));
  }
}

export interface Arms extends AsyncDisposable {
  all: readonly Arm[];
  /** Arms that this machine does not allow, each with the reason. */
  missing: string[];
}

/** All of them, side by side; without eBPF those that need it are left out, and said so. */
export async function startArms(plans: readonly ArmPlan[], around: ArmSurroundings): Promise<Arms> {
  const all: Arm[] = [];
  const missing: string[] = [];
  const stop = async () => {
    await Promise.all(all.map((arm) => arm[Symbol.asyncDispose]()));
  };
  for (const plan of plans) {
    try {
      all.push(await Arm.start(plan, around));
    } catch (error) {
      if (!`${error}`.includes("CAP_BPF")) {
        await stop();
        throw error;
      }
      missing.push(`${error}`);
    }
  }
  return { all, missing, [Symbol.asyncDispose]: stop };
}
