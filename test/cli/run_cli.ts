/** Runs the command as a user does, in a process of its own. */
import { resolve } from "node:path";

const CLI = resolve(import.meta.dir, "../../src/cli.ts");

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Without the QUICD_ variables of whoever runs the tests; colours off unless asked for. */
export function environment(extra: Record<string, string> = {}): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith("QUICD_")) env[name] = value;
  }
  return { ...env, ...extra };
}

export function cliCommand(args: readonly string[]): string[] {
  return [process.execPath, CLI, ...args];
}

export async function runCli(
  args: readonly string[],
  extra: Record<string, string> = {},
): Promise<Outcome> {
  const child = Bun.spawn(cliCommand(args), {
    env: environment(extra),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}
