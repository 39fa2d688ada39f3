/** examples/chat as a user runs it: two people, lines on streams and notices in datagrams. */
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/peer.ts";

const FOLDER = join(ROOT, "examples/chat");
const LINES_MAX = 60;
const LIMIT_MS = 10_000;

class Program {
  readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  #output = "";

  constructor(...args: string[]) {
    const command = [process.execPath, ...args];
    const pipes = { stdin: "pipe", stdout: "pipe", stderr: "inherit" } as const;
    this.child = Bun.spawn(command, { cwd: FOLDER, ...pipes });
    void this.#collect();
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.child.stdout) this.#output += decoder.decode(bytes);
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + LIMIT_MS;
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found !== null) return found;
      if (performance.now() > deadline) throw new Error(`no ${pattern} in: ${this.#output}`);
      await Bun.sleep(5);
    }
  }

  type(line: string): void {
    this.child.stdin.write(`${line}\n`);
    void this.child.stdin.flush();
  }
}

const programs: Program[] = [];
const start = (...args: string[]): Program => {
  const program = new Program(...args);
  programs.push(program);
  return program;
};
afterAll(() => {
  for (const { child } of programs) child.kill("SIGKILL");
});

test("what one types the others read, notices too, and both ends are short", async () => {
  const server = start("server.ts", "0");
  const [, port] = await server.says(/port (\d+)/);
  const ann = start("client.ts", "ann", port!);
  ann.type("is anybody there?");
  await ann.says(/^\* you are ann$/m);
  const bob = start("client.ts", "bob", port!);
  await ann.says(/^\* bob is here$/m);
  bob.type("hello");
  bob.type("a".repeat(3000));
  await ann.says(/^bob: hello$/m);
  await ann.says(/^bob: a{3000}$/m);
  ann.type("and goodbye");
  ann.child.stdin.end();
  await bob.says(/^ann: and goodbye$/m);
  expect(await ann.child.exited).toBe(0);
  bob.child.stdin.end();
  expect(await bob.child.exited).toBe(0);
  server.child.kill("SIGTERM");
  expect(await server.child.exited).toBe(0);
});

test(`server and client have no more than ${LINES_MAX} lines together`, () => {
  const lines = ["server.ts", "client.ts"].flatMap((name) =>
    readFileSync(join(FOLDER, name), "utf8").trimEnd().split("\n"),
  );
  expect(lines.length).toBeLessThan(LINES_MAX);
});
