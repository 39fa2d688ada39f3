/** `quicd load`: loads a server, and says what came of it. */
import { ConnectError } from "../client/error.ts";
import { UserError } from "../config/user_error.ts";
import type { LoadPlan } from "../load/plan.ts";
import { nounOf, reportText } from "../load/report_text.ts";
import { LoadRun } from "../load/run.ts";
import { ShareError } from "../load/share_host.ts";
import { ExitCode } from "./exit_code.ts";
import type { LoadInvocation } from "./load_arguments.ts";

const PROGRESS_MS = 500;
/** One Ctrl-C under `bun run` comes twice within a millisecond. */
const SAME_SIGNAL_MS = 1000;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Resolves with the exit code. @throws {UserError} one line of what went wrong */
export async function load({ plan, json, quiet, gate }: LoadInvocation): Promise<number> {
  const interruption = new Interruption();
  try {
    const starting = LoadRun.start(plan);
    const run = await Promise.race([starting, interruption.early]).catch((error: unknown) => {
      throw explained(error);
    });
    if (run === null) return ExitCode.Forced;
    interruption.stops(run);
    if (gate) await gated();
    const watching = quiet || !process.stderr.isTTY ? null : new ProgressLine(plan, run);
    const report = await run.measure();
    watching?.end();
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report));
    await run.close();
    return report.errorCount > 0 || report.operations === 0 ? ExitCode.Failure : ExitCode.Ok;
  } finally {
    interruption.end();
  }
}

/** The first signal ends the run with what was counted; a later one ends the process. */
class Interruption {
  readonly early: Promise<null>;
  #resolveEarly: (value: null) => void;
  #run: LoadRun | null = null;
  #firstMs = Number.NEGATIVE_INFINITY;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<null>();
    this.early = promise;
    this.#resolveEarly = resolve;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  stops(run: LoadRun): void {
    this.#run = run;
  }

  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    const nowMs = performance.now();
    if (Number.isFinite(this.#firstMs)) {
      if (nowMs - this.#firstMs > SAME_SIGNAL_MS) process.exit(ExitCode.Forced);
      return;
    }
    this.#firstMs = nowMs;
    this.#run?.stop();
    if (this.#run === null) this.#resolveEarly(null);
  };
}

/** One line on standard error that is written over. */
class ProgressLine {
  readonly #timer: Timer;

  constructor(plan: LoadPlan, run: LoadRun) {
    const noun = nounOf(plan.mode);
    const startMs = performance.now();
    let before = 0;
    let beforeMs = startMs;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      const { operations, errors } = run.progress;
      const speed = Math.round(((operations - before) * 1000) / (nowMs - beforeMs));
      before = operations;
      beforeMs = nowMs;
      const passed = ((nowMs - startMs) / 1000).toFixed(0);
      const text = `${passed} s  ${operations} ${noun}  ${speed}/s  ${errors} failed`;
      process.stderr.write(`\r\x1b[K${text}`);
    }, PROGRESS_MS);
  }

  end(): void {
    clearInterval(this.#timer);
    process.stderr.write("\r\x1b[K");
  }
}

async function gated(): Promise<void> {
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  for await (const _ of console) return;
}

/** A user's line for what the network or the server did; anything else is a bug and stays one. */
function explained(error: unknown): unknown {
  const untrusted =
    (error instanceof ConnectError && error.reason === "certificate") ||
    (error instanceof ShareError && error.untrusted);
  if (untrusted) {
    const remedy = "--ca F trusts the certificates in F, --insecure any";
    return new UserError(`${(error as Error).message}\n  ${remedy}`, ExitCode.Untrusted);
  }
  if (error instanceof Error) return new UserError(error.message, ExitCode.Failure);
  return error;
}
