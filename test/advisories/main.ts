//   bun test/advisories/main.ts
//
// Asks the databases of advisories that are within reach about everything pinned, and known.json.
// Exit code 1: something pinned has a known weakness. A database that does not answer is skipped.
import { join } from "node:path";
import { affected, pinnedCrates, readKnown } from "./advisories.ts";

const ROOT = join(import.meta.dir, "../..");
const LIMIT_MS = 120_000;

interface Database {
  name: string;
  argv: string[];
  /** In the output of one that was asked in vain. */
  unreachable: RegExp;
}

const DATABASES: Database[] = [
  {
    name: "npm's advisories (bun audit)",
    argv: [process.execPath, "audit"],
    unreachable: /^error: .*$/m,
  },
  {
    name: "RustSec (cargo audit)",
    argv: ["cargo", "audit", "--file", join(ROOT, "native/quiche/Cargo.lock")],
    unreachable: /^error: (no such command: `audit`|couldn't fetch advisory database).*$/m,
  },
];

/** Whether it knows of a weakness; says so, or why it was not asked. */
function finds({ name, argv, unreachable }: Database): boolean {
  if (Bun.which(argv[0]!) === null) {
    console.log(`SKIP reason: ${name}: there is no ${argv[0]}`);
    return false;
  }
  const child = Bun.spawnSync(argv, { cwd: ROOT, timeout: LIMIT_MS });
  const output = child.stdout.toString() + child.stderr.toString();
  const refusal = unreachable.exec(output)?.[0] ?? (child.exitCode === null ? "no answer" : null);
  if (refusal !== null) {
    // Without the address: whose registry it was is nobody's concern.
    console.log(`SKIP reason: ${name}: ${refusal.replace(/https?:\S+/g, "its address")}`);
    return false;
  }
  console.log(`${name}: ${child.exitCode === 0 ? "nothing" : output}`);
  return child.exitCode !== 0;
}

const pins = pinnedCrates();
const known = affected(pins, readKnown());
for (const line of known) console.log(line);
console.log(`known.json: ${known.length} of ${pins.length} pinned crates affected`);
const found = DATABASES.map(finds);
process.exit(known.length > 0 || found.includes(true) ? 1 : 0);
