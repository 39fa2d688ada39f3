/**
 * Known weaknesses of what is pinned. RustSec lists none of quiche's, so that no tool knows them:
 * known.json is kept by hand, from quiche's own advisories and release notes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const ROOT = join(import.meta.dir, "../..");

export interface Pin {
  name: string;
  version: string;
}

const advisory = z.strictObject({
  package: z.string().min(1),
  id: z.string().min(1),
  what: z.string().min(1),
  /** A range as npm writes them. */
  affected: z.string().min(1),
  /** The last version that is, and the one that mends it. */
  last: z.string().min(1),
  fixed: z.string().min(1),
});
export type Advisory = z.infer<typeof advisory>;

export function readKnown(text = readFileSync(join(import.meta.dir, "known.json"), "utf8")) {
  return z.array(advisory).parse(JSON.parse(text));
}

/** Of a Cargo.lock: every crate, those of other systems included. */
export function pinnedCrates(
  text = readFileSync(join(ROOT, "native/quiche/Cargo.lock"), "utf8"),
): Pin[] {
  const found = text.matchAll(/^name = "(.+)"\nversion = "(.+)"$/gm);
  return [...found].map(([, name, version]) => ({ name: name!, version: version! }));
}

/** What an advisory says of one of them, a line each. */
export function affected(pins: readonly Pin[], known: readonly Advisory[]): string[] {
  return known.flatMap((one) =>
    pins
      .filter(({ name, version }) => name === one.package && isAffected(version, one))
      .map(
        ({ name, version }) => `${name} ${version}: ${one.id}, ${one.what}; mended in ${one.fixed}`,
      ),
  );
}

export function isAffected(version: string, one: Advisory): boolean {
  return Bun.semver.satisfies(version, one.affected);
}
