/** A whole run: its app threads started, let go at the same time, counted together. */
import { type LoadPlan, planShare } from "./plan.ts";
import { type LoadReport, reportOf } from "./report.ts";
import { type ShareHost, type ShareProgress, ShareThread, startHere } from "./share_host.ts";
import { cpuBetween, cpuNow } from "./thread_cpu.ts";

export class LoadRun {
  readonly #plan: LoadPlan;
  readonly #shares: readonly ShareHost[];
  #stopped = false;

  private constructor(plan: LoadPlan, shares: readonly ShareHost[]) {
    this.#plan = plan;
    this.#shares = shares;
  }

  /** Connected and warm. @throws ConnectError, ShareError, Error */
  static async start(plan: LoadPlan): Promise<LoadRun> {
    if (plan.threads === 1) return new LoadRun(plan, [await startHere(plan)]);
    const starting = Array.from({ length: plan.threads }, (_, index) =>
      ShareThread.start(planShare(plan, index)),
    );
    const settled = await Promise.allSettled(starting);
    const shares = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failed = settled.find((each) => each.status === "rejected");
    if (failed === undefined) return new LoadRun(plan, shares);
    await Promise.all(shares.map((share) => share.close()));
    throw failed.reason;
  }

  get progress(): ShareProgress {
    const all = this.#shares.map((share) => share.progress);
    return {
      operations: all.reduce((sum, { operations }) => sum + operations, 0),
      errors: all.reduce((sum, { errors }) => sum + errors, 0),
    };
  }

  /** The counted part. */
  async measure(): Promise<LoadReport> {
    const before = cpuNow();
    const results = await Promise.all(this.#shares.map((share) => share.run()));
    return reportOf(this.#plan, results, cpuBetween(before, cpuNow()), this.#stopped);
  }

  /** Ends {@link measure} now, with what was counted so far. */
  stop(): void {
    this.#stopped = true;
    for (const share of this.#shares) share.stop();
  }

  async close(): Promise<void> {
    await Promise.all(this.#shares.map((share) => share.close()));
  }
}
