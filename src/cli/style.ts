/** Terminal emphasis, only where a person looks at it. */

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
}

/** Plain unless the stream is a terminal and NO_COLOR (no-color.org) is unset or empty. */
export function styleFor(
  stream: { isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  const { NO_COLOR: noColor = "", TERM: terminal = "" } = env;
  const enabled = stream.isTTY === true && noColor === "" && terminal !== "dumb";
  const emphasis = (code: number, end: number) => (text: string) =>
    enabled ? `\x1b[${code}m${text}\x1b[${end}m` : text;
  return {
    bold: emphasis(1, 22),
    dim: emphasis(2, 22),
    green: emphasis(32, 39),
    red: emphasis(31, 39),
    yellow: emphasis(33, 39),
  };
}
