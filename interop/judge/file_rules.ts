/** The files: exactly those of the plan, with exactly their bytes. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Role } from "../cases/case.ts";
import type { Evidence, Rule } from "./evidence.ts";

/** What the client fetched lies in its /downloads. */
export const filesArrived: Rule = ({ plan, folder }) =>
  compareFolder(
    plan.files.server.map((file) => file.name),
    folder.www("server"),
    folder.downloads("client"),
  );

/** WebTransport: by whoever fetches, in a folder for each endpoint. Others are not looked into. */
export const endpointFilesArrived: Rule = (evidence) => [
  ...endpointFiles(evidence, "server", "client"),
  ...endpointFiles(evidence, "client", "server"),
];

function endpointFiles({ plan, folder }: Evidence, from: Role, to: Role): string[] {
  const names = plan.files[from].map((file) => file.name);
  return [...new Set(names.map((name) => dirname(name)))].flatMap((endpoint) =>
    compareFolder(
      names.filter((name) => dirname(name) === endpoint).map((name) => basename(name)),
      join(folder.www(from), endpoint),
      join(folder.downloads(to), endpoint),
    ),
  );
}

function compareFolder(names: readonly string[], source: string, target: string): string[] {
  if (!existsSync(target)) return [`There is no folder ${target}.`];
  const found = readdirSync(target).filter((name) => statSync(join(target, name)).isFile());
  const wanted = new Set(names);
  const missing = names.filter((name) => !found.includes(name));
  const surplus = found.filter((name) => !wanted.has(name));
  const reasons: string[] = [];
  if (missing.length > 0) {
    reasons.push(`${missing.length} of ${names.length} files are missing: ${shown(missing)}.`);
  }
  if (surplus.length > 0) {
    reasons.push(`${surplus.length} files were not asked for: ${shown(surplus)}.`);
  }
  for (const name of names) {
    if (missing.includes(name)) continue;
    const difference = compareFile(join(source, name), join(target, name));
    if (difference !== null) reasons.push(`The file ${name} ${difference}.`);
  }
  return reasons;
}

function compareFile(source: string, target: string): string | null {
  const [expected, found] = [readFileSync(source), readFileSync(target)];
  if (expected.length !== found.length) {
    return `has ${found.length} bytes, expected ${expected.length}`;
  }
  if (expected.equals(found)) return null;
  const offset = expected.findIndex((byte, i) => byte !== found[i]);
  return `differs from byte ${offset} on, of ${expected.length}`;
}

/** The first few. */
function shown(names: readonly string[]): string {
  const head = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${head}, ...` : head;
}
