/** What the user can mend. Shown as its text alone, without a stack. */
export class UserError extends Error {
  override readonly name: string = "UserError";

  /** @param exitCode 1: it failed while running; 2: it was asked for wrongly; 3: see ExitCode */
  constructor(
    message: string,
    readonly exitCode: 1 | 2 | 3,
  ) {
    super(message);
  }
}

/** One thing wrong with the configuration. */
export interface Problem {
  /** Where it was said: "config.toml:12", "QUICD_NETIO_PORT", "--port"; "" when nowhere. */
  origin: string;
  /** "netio.port = 99999", or the name alone. */
  subject: string;
  /** What is allowed instead, and what to do. */
  remedy: string;
}

/** All that is wrong, at once. */
export class ConfigError extends UserError {
  override readonly name = "ConfigError";

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"), 2);
  }
}

function formatProblem({ origin, subject, remedy }: Problem): string {
  const head = [origin, subject].filter((part) => part !== "").join(": ");
  return `${head}\n  ${remedy}`;
}
