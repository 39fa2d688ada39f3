/** How the command ends. Shown by `quicd --help`. */
export const ExitCode = {
  Ok: 0,
  /** It was asked for rightly and went wrong: port in use, lost files. */
  Failure: 1,
  /** Wrong flags or configuration: nothing was started. */
  Usage: 2,
  /** `get`, `load`: the server's certificate is not trusted. */
  Untrusted: 3,
  /** `get`: a whole response came, with a status of 400 or more. */
  HttpError: 4,
  /** A second Ctrl-C cut the graceful stop short (128 + SIGINT). Given by the native side. */
  Forced: 130,
} as const;
