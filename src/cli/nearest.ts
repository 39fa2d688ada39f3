/** What was probably meant. */
import { distance } from "fastest-levenshtein";

/** Null when none is near enough to be a slip of the fingers. */
export function nearestName(name: string, known: readonly string[]): string | null {
  const near = known.filter((other) => distance(name, other) <= 2 && name.length > 2);
  return near.sort((one, other) => distance(name, one) - distance(name, other))[0] ?? null;
}
