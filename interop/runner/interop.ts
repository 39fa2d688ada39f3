/**
 * `bun run interop`: cases of the QUIC Interop Runner between endpoints, and what belongs to it.
 * See ../README.md.
 */
import { styleFor } from "../../src/cli/style.ts";
import { UserError } from "../../src/config/user_error.ts";
import { QUIC_CASES } from "../cases/quic_cases.ts";
import { WEBTRANSPORT_CASES } from "../cases/webtransport_cases.ts";
import { USAGE } from "./arguments.ts";

const CASES = [...QUIC_CASES, ...WEBTRANSPORT_CASES];

/** By its first word; what is not here is a run of the matrix. Each resolves to the exit code. */
const COMMANDS: Record<string, (args: readonly string[]) => Promise<number>> = {
  help: async () => {
    process.stdout.write(USAGE);
    return 0;
  },
  qlog: async (args) => {
    const { printQlog } = await import("../qlog/sequence_table.ts");
    return printQlog(files("qlog", args));
  },
  expect: async (args) => {
    const { takeOver } = await import("./expected.ts");
    takeOver(files("expect", args), CASES);
    return 0;
  },
  readme: async (args) => {
    const { writeReadme } = await import("./markdown_matrix.ts");
    writeReadme(files("readme", args));
    return 0;
  },
  h3spec: async (args) => {
    const { h3specMain } = await import("../h3spec/main.ts");
    return await h3specMain(args);
  },
  compliance: async (args) => {
    const { runCompliance } = await import("./compliance.ts");
    return await runCompliance(args, CASES);
  },
};

function files(command: string, args: readonly string[]): readonly string[] {
  if (args.length > 0) return args;
  throw new UserError(`which file? bun run interop ${command} FILE`, 2);
}

async function run(args: readonly string[]): Promise<number> {
  const command = COMMANDS[args[0] ?? ""];
  if (command !== undefined) return await command(args.slice(1));
  const { runMatrix } = await import("./matrix_run.ts");
  return await runMatrix(args, CASES);
}

function report(error: unknown): number {
  const label = styleFor(process.stderr, process.env).red("error:");
  if (error instanceof UserError) {
    process.stderr.write(`${label} ${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${label} a bug in the interop runner: ${text}\n`);
  return 1;
}

process.exit(await run(process.argv.slice(2)).catch(report));
