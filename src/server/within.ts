/** Resolves with the first of `ends`, at most `limitMs` later. Leaves no timer behind. */
export async function within(limitMs: number, ends: readonly Promise<void>[]): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, limitMs);
  await Promise.race([late.promise, ...ends]);
  clearTimeout(timer);
}
