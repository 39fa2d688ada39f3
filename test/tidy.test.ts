/**
 * The house style as a test: each rule runs over every file of the repository and prints
 * `file:line: rule`. Each rule is first shown a bad sample: none can pass by seeing nothing.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { importLayers } from "./tidy/import_rules.ts";
import { fileLength, fileName, functionLength, lineWidth } from "./tidy/shape_rules.ts";
import { isGenerated, type Rule, type Source, show, type Violation } from "./tidy/source.ts";
import {
  citationForm,
  deadLinks,
  noAny,
  noLeftovers,
  noMachineNames,
  symbolPrefix,
} from "./tidy/text_rules.ts";

const ROOT = join(import.meta.dir, "..");
const TEXT_FILE =
  /\.(ts|c|h|rs|sh|py|md|json|toml|patch|lock|html|css|yml)$|(^|\/)(setup|run|Makefile)$/;

/** Tracked files and those about to be: what git would commit. */
function listFiles(): string[] {
  const listing = Bun.spawnSync(["git", "ls-files", "-co", "--exclude-standard"], { cwd: ROOT });
  if (listing.exitCode !== 0) throw new Error(`git ls-files: ${listing.stderr.toString()}`);
  const files = listing.stdout.toString().split("\n");
  return files.filter((path) => TEXT_FILE.test(path) && existsSync(join(ROOT, path)));
}

const sources: Source[] = listFiles().map((path) => ({
  path,
  text: readFileSync(join(ROOT, path), "utf8"),
}));

const deadLink: Rule = (source) => deadLinks(source, (path) => existsSync(join(ROOT, path)));
const layers: Rule = (source) => importLayers([source]);
const long = (line: string): string => `${line}\n`.repeat(71);

const RULES: { name: string; rule: Rule; bad: Source[]; good: Source[] }[] = [
  {
    name: "lines have 100 columns",
    rule: lineWidth,
    bad: [
      { path: "src/a.ts", text: "x".repeat(101) },
      { path: "native/a.c", text: `\t${"x".repeat(93)}` },
      { path: "native/quiche/src/a.rs", text: "x".repeat(101) },
    ],
    good: [
      { path: "src/a.ts", text: "§".repeat(100) },
      { path: "src/a.gen.ts", text: "x".repeat(101) },
    ],
  },
  {
    name: "functions have 70 lines",
    rule: functionLength,
    bad: [
      { path: "src/a.ts", text: `export function f(): void {\n${long("  g();")}}` },
      { path: "src/a.ts", text: `class A {\n  async #f(x: number) {\n${long("    g();")}  }\n}` },
      { path: "src/a.ts", text: `const f = (\n  x: number,\n) => {\n${long("  g();")}};` },
      { path: "native/a.c", text: `int f(void)\n{\n${long("\tg();")}}` },
      { path: "native/a.c", text: `static int f(void) {\n${long("\tg();")}}` },
      { path: "native/quiche/src/a.rs", text: `pub fn f() {\n${long("    g();")}}` },
    ],
    good: [
      { path: "src/a.ts", text: `export function f(): void {\n  g();\n}\n${long("// more")}` },
      { path: "native/a.h", text: `struct a {\n${long("\tint b;")}};` },
    ],
  },
  {
    name: "files have 500 lines",
    rule: fileLength,
    bad: [{ path: "native/a.c", text: "\n".repeat(501) }],
    good: [{ path: "src/a.gen.ts", text: "\n".repeat(501) }],
  },
  {
    name: "file names are snake_case nouns",
    rule: fileName,
    bad: [
      { path: "src/utils.ts", text: "" },
      { path: "src/stream_manager.ts", text: "" },
      { path: "src/eventRing.ts", text: "" },
      { path: "native/event-ring.c", text: "" },
    ],
    good: [
      { path: "src/native/abi.gen.ts", text: "" },
      { path: "native/quiche/Cargo.toml", text: "" },
    ],
  },
  {
    name: "no any",
    rule: noAny,
    bad: [
      { path: "src/a.ts", text: "const a: any = 1;" },
      { path: "src/a.ts", text: "f(a as any);" },
      { path: "src/a.ts", text: "type A = Map<string, any>;" },
      { path: "src/a.ts", text: "function f(a: any[]) {}" },
    ],
    good: [
      { path: "src/a.ts", text: 'await Promise.any([]); // any\nconst a = "x: any";' },
      { path: "src/a.ts", text: "/* a port: any\n or: any */\nconst a = `port 0\n: any`;" },
    ],
  },
  {
    name: "no leftovers",
    rule: noLeftovers,
    bad: ["TODO", "FIXME", "XXX"].map((word) => ({ path: "src/a.ts", text: `// ${word}: later` })),
    good: [
      { path: "src/a.ts", text: "// todos.html" },
      { path: "native/a.patch", text: "-    // TODO: done by this patch" },
    ],
  },
  {
    name: "no names of one machine or registry",
    rule: noMachineNames,
    bad: [
      { path: "src/a.ts", text: 'const a = "/work/main";' },
      { path: "docs/a.md", text: "run /tmp/w/bun" },
      { path: "interop/a.sh", text: "cd /root/x" },
      { path: "interop/a.sh", text: "npm --registry=https://registry.npmjs.org/" },
      { path: "bun.lock", text: '["zod@4.6.7", "https://mirror.example/zod.tgz"]' },
    ],
    good: [{ path: "src/a.ts", text: 'const a = "src/work/b"; const c = "/tmp/work";' }],
  },
  {
    name: "RFCs are cited in one form",
    rule: citationForm,
    bad: ["RFC9114", "RFC 9114 section 7.1", "RFC 9114, §7", "RFC 9114 § 7", "§7 of RFC 9114"].map(
      (text) => ({ path: "src/a.ts", text: `// ${text}` }),
    ),
    good: [{ path: "src/a.ts", text: "// RFC 9114 §7.1 and RFC 9000 say so" }],
  },
  {
    name: "C symbols that cross files carry our prefix",
    rule: symbolPrefix,
    bad: [
      { path: "native/a.h", text: "void ring_push(struct ring *ring);" },
      { path: "native/a.c", text: "struct ring *make_ring(uint32_t capacity)\n{" },
      { path: "native/a.c", text: "int ring_push(struct ring *ring,\n\t\t  int x)\n{" },
    ],
    good: [
      { path: "native/a.c", text: "static int push(struct ring *ring)\n{\n\treturn f(1);\n}" },
      { path: "native/a.h", text: "void quicd_ring_push(struct quicd_ring *ring);" },
    ],
  },
  {
    name: "links lead somewhere",
    rule: deadLink,
    bad: [{ path: "README.md", text: "[a](no_such_file.md)" }],
    good: [{ path: "README.md", text: "[a](LICENSE) [b](https://example.com) [c](#below)" }],
  },
  {
    name: "imports stay in their layer",
    rule: layers,
    bad: [
      { path: "src/server.ts", text: 'import { dlopen } from "bun:ffi";' },
      { path: "src/wire/a.ts", text: 'import { B } from "../transport/b.ts";' },
      { path: "src/apps/h3/a.ts", text: 'import { B } from "../echo/b.ts";' },
      { path: "src/apps/h3/a.ts", text: 'import { B } from "../../native/b.ts";' },
      { path: "src/http/a.ts", text: 'import type { B } from "../apps/h3/b.ts";' },
      { path: "src/native/a.ts", text: 'import {\n  B,\n} from "../transport/b.ts";' },
      { path: "src/cli.ts", text: 'const a = await import("../test/support/a.ts");' },
    ],
    good: [
      { path: "src/apps/h3/a.ts", text: 'import { B } from "../../transport/b.ts";' },
      { path: "src/apps/h3/a.ts", text: 'import { B } from "./qpack/b.ts";' },
      { path: "src/native/a.ts", text: 'import { dlopen } from "bun:ffi";' },
    ],
  },
];

function report(violations: Violation[]): void {
  expect(violations.map(show)).toEqual([]);
}

describe.each(RULES)("$name", ({ rule, bad, good }) => {
  test("the rule sees bad samples and no others", () => {
    for (const sample of bad) expect([sample.text, rule(sample).length]).toEqual([sample.text, 1]);
    for (const sample of good) expect(rule(sample)).toEqual([]);
  });

  test("holds in every file", () => {
    expect(sources.length).toBeGreaterThan(20);
    report(rule === layers ? importLayers(sources) : sources.flatMap((source) => rule(source)));
  });
});

test("an app that reaches src/native by a detour is seen", () => {
  const detour = [
    { path: "src/apps/h3/a.ts", text: 'import { B } from "../../transport/b.ts";' },
    { path: "src/transport/b.ts", text: 'export { C } from "./c.ts";' },
    { path: "src/transport/c.ts", text: 'import { D } from "../native/d.ts";' },
  ];
  expect(importLayers(detour).map(show)).toEqual([
    "src/apps/h3/a.ts:1: an app loads src/native: " +
      "src/transport/b.ts -> src/transport/c.ts -> src/native/d.ts",
  ]);
  const byType = { path: "src/transport/b.ts", text: 'export type { C } from "./c.ts";' };
  expect(importLayers([...detour.filter((_, index) => index !== 1), byType])).toEqual([]);
});

/** A generated file names its generator: `Generated by native/gen/abi.ts`, or a neighbour. */
function generatorOf(source: Source): string | null {
  const name = /(?:[Gg]enerated|[Ww]ritten) by (\S+\.ts)/.exec(source.text.slice(0, 1000))?.[1];
  if (name === undefined) return null;
  const candidates = [name, join(dirname(source.path), name)];
  return candidates.find((path) => existsSync(join(ROOT, path))) ?? null;
}

const generated = sources.filter((source) => isGenerated(source.path));

test("generated files name their generator", () => {
  report(
    generated
      .filter((source) => generatorOf(source) === null)
      .map((source) => ({ path: source.path, line: 1, rule: "says not what generated it" })),
  );
});

/** One that works from an input of its own (an RFC's text) has no --check; its test says why. */
const checkable = [...new Set(generated.flatMap((source) => generatorOf(source) ?? []))].filter(
  (path) => readFileSync(join(ROOT, path), "utf8").includes("--check"),
);

test.each(checkable)("what %s generates is fresh", (generator) => {
  const run = Bun.spawnSync([process.execPath, generator, "--check"], { cwd: ROOT });
  const said = run.stdout.toString() + run.stderr.toString();
  expect([run.exitCode, run.exitCode === 0 ? "" : said]).toEqual([0, ""]);
});
