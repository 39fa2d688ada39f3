/**
 * Several ways to the same thing, the next one begun when the last has failed or has had its head
 * start (RFC 8305 §5); the first that succeeds wins, the others are given up.
 */

export interface Attempt<Result> {
  readonly result: Promise<Result>;
  /** Gives up; the result may then be anything, late or never. */
  cancel(): void;
}

/**
 * @param begin at least one
 * @param better which of two failures tells more; the first one is told when all have failed
 * @throws what `better` chose, or the reason of `signal`
 */
export async function race<Result>(
  begin: readonly (() => Attempt<Result>)[],
  headStartMs: number,
  signal: AbortSignal,
  better: (one: unknown, other: unknown) => unknown,
): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const attempts: Attempt<Result>[] = [];
  let failed = 0;
  let failure: unknown;
  let winner: Attempt<Result> | null = null;
  let timer: Timer | null = null;

  const next = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const start = begin[attempts.length];
    if (start === undefined || winner !== null) return;
    const attempt = start();
    attempts.push(attempt);
    attempt.result.then(
      (result) => {
        winner ??= attempt;
        resolve(result);
      },
      (error: unknown) => {
        failure = failed++ === 0 ? error : better(failure, error);
        if (failed === begin.length) reject(failure);
        else if (failed === attempts.length) next();
      },
    );
    if (attempts.length < begin.length) timer = setTimeout(next, headStartMs);
  };
  const abort = () => reject(signal.reason);

  signal.throwIfAborted();
  signal.addEventListener("abort", abort);
  next();
  try {
    return await promise;
  } finally {
    if (timer !== null) clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    for (const attempt of attempts) if (attempt !== winner) attempt.cancel();
  }
}
