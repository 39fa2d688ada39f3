/** The control socket of `quicd serve`. */

import { UserError } from "../config/user_error.ts";
import type { Config } from "../config.ts";
import type { RunningServer } from "../server.ts";
import { controlPath } from "../telemetry/control_place.ts";
import { ControlServer } from "../telemetry/control_server.ts";

/**
 * Null when it is switched off, when Bun serves, which has no answers, or when the default place
 * cannot be had, which `warn` is told: no reason not to serve.
 *
 * @throws {UserError} when the place was named and cannot be had
 */
export async function openControl(
  config: Config,
  server: RunningServer,
  env: Readonly<Record<string, string | undefined>>,
  warn: (line: string) => void,
): Promise<ControlServer | null> {
  const { control: wanted, control_path: named } = config.telemetry;
  if (!wanted || server.engineView === null) return null;
  const own = named === "";
  const control = new ControlServer(own ? controlPath(env, process.pid) : named, server);
  try {
    await control.start(own);
    return control;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!own) throw new UserError(`telemetry.control_path: ${reason}`, 1);
    warn(`quicd: no control socket, so quicd why will not find this server: ${reason}`);
    return null;
  }
}
