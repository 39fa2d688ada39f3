/** How the command ends. Shown by `quicd --help`. */
export const ExitCode = {
  Ok: 0,
  /** It was asked for rightly and went wrong: port in use, lost files. */
  Failure: 1,
  /** Wrong flags or configuration: nothing was started. */
  Usage: 2,
  /** A second Ctrl-C cut the graceful stop short (128 + SIGINT). Given by the native side. */
  Forced: 130,
} as const;
