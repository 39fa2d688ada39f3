#!/usr/bin/env bun
/** The command `quicd`. What each command does is in src/cli/; here one is picked. */
import { parseArguments } from "./cli/arguments.ts";
import { checkConfig } from "./cli/check.ts";
import { ExitCode } from "./cli/exit_code.ts";
import { helpText, loadHelpText } from "./cli/help.ts";
import { styleFor } from "./cli/style.ts";
import { VERSION } from "./cli/version.ts";
import { UserError } from "./config/user_error.ts";

/** Resolves with the exit code. */
async function run(args: readonly string[]): Promise<number> {
  const invocation = parseArguments(args);
  switch (invocation.command) {
    case "help":
      process.stdout.write(helpText());
      return ExitCode.Ok;
    case "version":
      process.stdout.write(`quicd ${VERSION}\n`);
      return ExitCode.Ok;
    case "check":
      checkConfig(invocation.path, process.env);
      process.stdout.write("ok\n");
      return ExitCode.Ok;
    case "doctor": {
      const { examine } = await import("./cli/doctor/doctor.ts");
      const style = styleFor(process.stdout, process.env);
      const { text, exitCode } = examine(invocation, process.env, style);
      process.stdout.write(text);
      return exitCode;
    }
    case "get": {
      const { get } = await import("./cli/get.ts");
      return await get(invocation);
    }
    case "load help":
      process.stdout.write(loadHelpText());
      return ExitCode.Ok;
    case "load": {
      const { load } = await import("./cli/load.ts");
      return await load(invocation);
    }
    case "interop": {
      const { runInterop } = await import("./cli/interop.ts");
      return await runInterop(invocation.args);
    }
    case "why": {
      const { explain } = await import("./cli/why.ts");
      process.stdout.write(await explain(invocation, process.env));
      return ExitCode.Ok;
    }
    case "serve": {
      /* Only here must the native library load: the other commands work without it. */
      const { serveUntilStopped } = await import("./cli/serve.ts");
      return await serveUntilStopped(invocation);
    }
  }
}

/** A user's mistake is one text; a bug of ours keeps its stack. */
function report(error: unknown): number {
  const style = styleFor(process.stderr, process.env);
  const label = style.red("error:");
  if (error instanceof UserError) {
    process.stderr.write(`${label} ${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${label} a bug in quicd: ${text}\n`);
  return ExitCode.Failure;
}

/* An app's timers would keep the process alive after its server has stopped. */
process.exit(await run(process.argv.slice(2)).catch(report));
