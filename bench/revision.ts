/** A revision of this repository, built in a tree that is kept: build/revisions/<hash>. */
import { cpSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const LIBRARY = "build/lib/libquicd_quiche.a";

async function output(argv: string[], cwd = ROOT): Promise<string> {
  const child = Bun.spawn(argv, { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")}: ${errors.trim() || text}`);
  return text.trim();
}

export interface Revision {
  /** As it was asked for. */
  name: string;
  hash: string;
  root: string;
}

/** The commit that a name stands for. */
export function hashOf(name: string): Promise<string> {
  return output(["git", "rev-parse", "--verify", `${name}^{commit}`]);
}

/**
 * The quiche library takes minutes to build: it is taken from here when both have the same sources,
 * and else built with cargo's own cache shared.
 */
async function provideLibrary(hash: string, root: string): Promise<void> {
  const sources = await output(["git", "rev-parse", `${hash}:native/quiche`]);
  const ours = await output(["git", "rev-parse", "HEAD:native/quiche"]);
  const changed = await output(["git", "status", "--porcelain", "native/quiche"]);
  mkdirSync(join(root, "build/lib"), { recursive: true });
  if (sources === ours && changed === "" && existsSync(join(ROOT, LIBRARY))) {
    cpSync(join(ROOT, LIBRARY), join(root, LIBRARY), { preserveTimestamps: true });
    return;
  }
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "build/quiche");
  await output(["env", `CARGO_TARGET_DIR=${target}`, "native/quiche/build.sh"], root);
}

/**
 * @param goals of native/Makefile
 * @throws Error with the words of what failed
 */
export async function buildRevision(name: string, goals: readonly string[]): Promise<Revision> {
  const hash = await hashOf(name);
  const root = join(ROOT, "build/revisions", hash.slice(0, 12));
  if (!existsSync(join(root, "native/Makefile"))) {
    mkdirSync(join(ROOT, "build/revisions"), { recursive: true });
    await output(["git", "worktree", "prune"]);
    await output(["git", "worktree", "add", "--detach", "--force", root, hash]);
  }
  if (!existsSync(join(root, "node_modules"))) {
    symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  }
  if (!existsSync(join(root, LIBRARY))) await provideLibrary(hash, root);
  await output(["make", "-C", "native", "--no-print-directory", ...goals], root);
  return { name, hash, root };
}
