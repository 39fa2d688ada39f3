/** node's parseArgs for a command, with errors that name the flag and the remedy. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { UserError } from "../config/user_error.ts";
import { ExitCode } from "./exit_code.ts";
import { nearestName } from "./nearest.ts";

/**
 * @param command what the error calls it
 * @param help the command line that names all flags
 * @throws {UserError} for a flag that there is not, or that lacks its value
 */
export function parseFlags<Options extends ParseArgsOptionsConfig>(
  command: string,
  help: string,
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const name = /'(-[^'=\s]*)/.exec(text)?.[1] ?? "";
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      throw new UserError(text.split("\n", 1)[0] ?? text, ExitCode.Usage);
    }
    const nearest = nearestName(name.replace(/^-+/, ""), Object.keys(options));
    const advice = nearest === null ? `${help} names them all` : `did you mean --${nearest}?`;
    throw new UserError(`${command} has no flag ${name}\n  ${advice}`, ExitCode.Usage);
  }
}
