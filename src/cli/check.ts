/** `quicd check CONFIG`: everything that would stop a start, without starting. */
import { statSync } from "node:fs";
import { type Config, loadConfig, UserError } from "../config.ts";
import { readCertificateFiles, readSecret, readTicketKeys } from "../tls/certificate_files.ts";

/** @throws {UserError} with all that is wrong */
export function checkConfig(path: string, env: Readonly<Record<string, string | undefined>>): void {
  checkFiles(loadConfig({ path, env, flags: [] }));
}

/** @throws {UserError} naming every file that is missing or not what it should be */
function checkFiles({ tls, http }: Config): void {
  const problems: string[] = [];
  const attempt = (step: () => void) => {
    try {
      step();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(error.message);
    }
  };
  if (tls.cert !== "") attempt(() => readCertificateFiles(tls.cert, tls.key));
  if (tls.secret_file !== "") attempt(() => readSecret(tls.secret_file));
  if (tls.ticket_keys_file !== "") attempt(() => readTicketKeys(tls.ticket_keys_file));
  if (http.root !== "") attempt(() => requireFolder(http.root));
  if (problems.length > 0) throw new UserError(problems.join("\n"), 2);
}

export function requireFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new UserError(`http.root: there is no directory ${path}`, 2);
}
