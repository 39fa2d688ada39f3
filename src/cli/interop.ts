/**
 * `quicd interop ...`: the interop runner, as a program of its own. It is a tool beside the server
 * and not part of it: nothing of src/ imports it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/user_error.ts";
import { ExitCode } from "./exit_code.ts";

const PROGRAM = join(import.meta.dir, "../../interop/runner/interop.ts");

/** Its exit code. @throws {UserError} where the runner was not installed */
export async function runInterop(args: readonly string[]): Promise<number> {
  if (!existsSync(PROGRAM)) {
    throw new UserError(
      `the interop runner is not here: ${PROGRAM}\n  it is part of the repository, not of an image`,
      ExitCode.Failure,
    );
  }
  const stdio = ["inherit", "inherit", "inherit"] as const;
  const runner = Bun.spawn([process.execPath, PROGRAM, ...args], { stdio: [...stdio] });
  // It tidies up, and we wait. From a terminal it gets the signal twice, which is as once.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => runner.kill(signal));
  return await runner.exited;
}
