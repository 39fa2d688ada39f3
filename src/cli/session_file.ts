/** A session in a file, between one command and the next. It holds secrets: only we may read it. */
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { UserError } from "../config/user_error.ts";
import { ExitCode } from "./exit_code.ts";

const MODE = 0o600;

/** Null when there is none yet. @throws {UserError} */
export function readSession(path: string): Uint8Array | null {
  if (path === "" || !existsSync(path)) return null;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UserError(`cannot read the session: ${messageOf(error)}`, ExitCode.Failure);
  }
}

/** Whole or not at all. @throws {UserError} */
export function writeSession(path: string, session: Uint8Array): void {
  const part = `${path}.${process.pid}`;
  try {
    writeFileSync(part, session, { mode: MODE });
    chmodSync(part, MODE);
    renameSync(part, path);
  } catch (error) {
    throw new UserError(`cannot write the session: ${messageOf(error)}`, ExitCode.Failure);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
