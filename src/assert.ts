/** Our own bugs stop the program, in release too. Never for what a peer or a user can cause. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

export class AssertionError extends Error {
  override readonly name = "AssertionError";
  constructor(message: string) {
    super(`bug in quicd: ${message}`);
  }
}
