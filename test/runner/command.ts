/** Runs one command under a time limit, output into a log file of its own. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

export interface Command {
  argv: string[];
  cwd: string;
  env?: Record<string, string>;
  limitSeconds: number;
  logPath: string;
}

export interface Outcome {
  exitCode: number;
  timedOut: boolean;
  output: string;
  seconds: number;
  /** Of the command and of all that it waited for. */
  cpuSeconds: number;
}

/** Exit code of timeout(1) when the limit was reached. */
const TIMEOUT_EXIT = 124;
const KILLED_EXIT = 137;
const KILL_AFTER_SECONDS = 10;

/**
 * timeout(1) and not a timer here: it ends the whole process group, and a test that hangs has often
 * left a server behind.
 */
export async function runCommand(command: Command): Promise<Outcome> {
  mkdirSync(dirname(command.logPath), { recursive: true });
  const started = performance.now();
  const log = Bun.file(command.logPath);
  const child = Bun.spawn(
    ["timeout", "-k", `${KILL_AFTER_SECONDS}`, `${command.limitSeconds}`, ...command.argv],
    {
      cwd: command.cwd,
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", ...command.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  const output = stdout + stderr;
  await Bun.write(log, output);
  const seconds = (performance.now() - started) / 1000;
  const atLimit = seconds >= command.limitSeconds;
  const timedOut = atLimit && (exitCode === TIMEOUT_EXIT || exitCode === KILLED_EXIT);
  const cpuSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  return { exitCode, timedOut, output, seconds, cpuSeconds };
}

/** What a reader needs of a failed run: no passing tests, and the end rather than the start. */
export function excerpt(output: string, lines = 160): string {
  const kept = output.split("\n").filter((line) => !/^\((pass|skip|todo)\)/.test(line));
  const cut = kept.length - lines;
  return cut > 0 ? [`[${cut} lines above]`, ...kept.slice(cut)].join("\n") : kept.join("\n");
}
