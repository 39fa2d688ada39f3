/** The report as text: a table of verdicts, remedies below what needs one, the closing line. */
import type { Style } from "../style.ts";
import type { Line, Verdict } from "./line.ts";

const COLUMNS = 100;
const VERDICT_WIDTH = "not checked".length + 2;

/** @param closing the line that sums up */
export function reportText(lines: readonly Line[], closing: string, style: Style): string {
  const nameWidth = Math.max(...lines.map(({ name }) => name.length)) + 2;
  const rows = lines.flatMap((line) => rowsOf(line, nameWidth, style));
  return `${[...rows, ...advice(lines, style), "", style.bold(closing)].join("\n")}\n`;
}

function rowsOf({ name, verdict, found, remedy }: Line, nameWidth: number, style: Style): string[] {
  const remedyIndent = " ".repeat(2 + nameWidth);
  const indent = remedyIndent + " ".repeat(VERDICT_WIDTH);
  const [first = "", ...more] = wrapped(found, COLUMNS - indent.length);
  const mark = paint(verdict, style)(verdict) + " ".repeat(VERDICT_WIDTH - verdict.length);
  const remedies = remedy === "" ? [] : remedy.split("\n");
  return [
    `  ${name.padEnd(nameWidth)}${mark}${first}`,
    ...more.map((text) => indent + text),
    /* Never broken: it is there to be copied. */
    ...remedies.map((text) => `${remedyIndent}-> ${style.bold(text)}`),
  ];
}

function paint(verdict: Verdict, style: Style): (text: string) => string {
  const { green, yellow, red, dim } = style;
  return { ok: green, warning: yellow, problem: red, "not checked": dim }[verdict];
}

const LASTING: readonly (readonly [command: string, advice: string])[] = [
  ["sysctl -w", "what sysctl -w sets lasts until the next boot; a file in /etc/sysctl.d keeps it"],
  [
    "ethtool -K",
    "what ethtool -K sets lasts until the next boot; the network's configuration keeps it",
  ],
];

function advice(lines: readonly Line[], style: Style): string[] {
  const passing = LASTING.filter(([command]) =>
    lines.some(({ remedy }) => remedy.includes(command)),
  );
  if (passing.length === 0) return [];
  return ["", ...passing.map(([, text]) => style.dim(`  ${text}`))];
}

/** At spaces; a longer word stays whole. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
