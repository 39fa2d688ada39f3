/**
 * The programs in README.md and docs/ run, and print what the text says they print. Of the blocks
 *
 *     ts file=NAME   is written to a file beside the programs that follow
 *     ts run         is run, and must end with 0 and without a word on standard error
 *     text           right behind it is what it prints
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { libraryPath } from "../../src/native/library.ts";
import { ROOT, run, skipReason } from "../support/peer.ts";

interface Block {
  /** "ts run", "ts file=app.ts", "text" */
  info: string;
  text: string;
  /** Of the opening fence, from 1. */
  line: number;
}

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | null = null;
  for (const [index, line] of markdown.split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) {
      if (open !== null) open.text += `${line}\n`;
    } else if (open === null) {
      open = { info: fence[1]!.trim(), text: "", line: index + 1 };
    } else {
      blocks.push(open);
      open = null;
    }
  }
  return blocks;
}

const documents = [
  "README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
/** Inside of the package, so that `import "quicd"` finds it. */
const FOLDER = join(ROOT, "build/doc_blocks");
const LIMIT_SECONDS = 30;

interface Program {
  place: string;
  folder: string;
  files: { name: string; text: string }[];
  text: string;
  /** Null: not said. */
  printed: string | null;
}

function programsOf(path: string): Program[] {
  const programs: Program[] = [];
  const files = new Map<string, string>();
  const blocks = blocksOf(readFileSync(join(ROOT, path), "utf8"));
  for (const [index, { info, text, line }] of blocks.entries()) {
    const name = /^ts file=(\S+)$/.exec(info)?.[1];
    if (name !== undefined) files.set(name, text);
    if (info !== "ts run") continue;
    const next = blocks[index + 1];
    programs.push({
      place: `${path}:${line}`,
      folder: join(FOLDER, `${basename(path, ".md")}_${line}`),
      files: [...files].map(([file, content]) => ({ name: file, text: content })),
      text,
      printed: next?.info === "text" ? next.text : null,
    });
  }
  return programs;
}

const programs = documents.flatMap(programsOf);
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test("blocks are found with their kinds and lines", () => {
  const markdown = "a\n```ts run\nx();\n```\n\n```text\nout\n```\n```sh\nls\n```\n";
  expect(blocksOf(markdown)).toEqual([
    { info: "ts run", text: "x();\n", line: 2 },
    { info: "text", text: "out\n", line: 6 },
    { info: "sh", text: "ls\n", line: 9 },
  ]);
  expect(programs.length).toBeGreaterThan(0);
});

describe.skipIf(skipReason(existsSync(libraryPath()) ? null : "no native library"))(
  "program",
  () => {
    test.each(programs)(
      "$place",
      async ({ folder, files, text, printed }) => {
        mkdirSync(folder, { recursive: true });
        for (const file of files) writeFileSync(join(folder, file.name), file.text);
        writeFileSync(join(folder, "program.ts"), text);
        const command = ["env", "-C", folder, process.execPath, "program.ts"];
        const outcome = await run(command, LIMIT_SECONDS);
        const { exitCode, stdout, stderr } = outcome;
        const failures = stderr.split("\n").filter((line) => !/^$|^quicd: app thread/.test(line));
        expect([exitCode, failures]).toEqual([0, []]);
        if (printed !== null) expect(stdout).toBe(printed);
      },
      60_000,
    );
  },
);
