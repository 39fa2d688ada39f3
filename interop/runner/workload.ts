/** What a run begins with: its folders, the files to serve, the certificates. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Case, CasePlan, Role } from "../cases/case.ts";
import { createRandom, fillRandom } from "../netsim/random.ts";
import type { RunFolder } from "./run_folder.ts";

const ROLES: readonly Role[] = ["client", "server"];

/** The same seed makes the same names and bytes. */
export function layOut(
  case_: Case,
  seed: number,
  folder: RunFolder,
  certificates: string,
): CasePlan {
  const random = createRandom(seed);
  const plan = case_.plan(random);
  mkdirSync(folder.simulatorLogs, { recursive: true });
  for (const role of ROLES) {
    for (const name of ["", ...plan.folders])
      mkdirSync(join(folder.www(role), name), { recursive: true });
    mkdirSync(folder.downloads(role), { recursive: true });
    mkdirSync(join(folder.logs(role), "qlog"), { recursive: true });
    for (const name of plan.folders) mkdirSync(join(folder.www(role), name), { recursive: true });
    for (const file of plan.files[role]) {
      const path = join(folder.www(role), file.name);
      mkdirSync(dirname(path), { recursive: true });
      const content = new Uint8Array(file.bytes);
      fillRandom(content, random);
      writeFileSync(path, content);
    }
  }
  cpSync(certificates, folder.certificates, { recursive: true });
  return plan;
}
