/** What made the program that is counted: other compilers make other instructions of it. */
import { join } from "node:path";
import { PROGRAM } from "./memory.ts";

function output(argv: string[]): string {
  const child = Bun.spawnSync(argv, { stderr: "ignore" });
  if (child.exitCode !== 0) throw new Error(`${argv.join(" ")}: exit code ${child.exitCode}`);
  return child.stdout.toString();
}

/** As the compilers wrote it into the program, and what runs and measures it. */
export function toolchainOf(root: string): string[] {
  const comment = output(["readelf", "-p", ".comment", join(root, PROGRAM)]);
  const compilers = [...comment.matchAll(/^\s*\[\s*[0-9a-f]+\]\s+(.*)$/gm)].map(
    (match) => match[1]!,
  );
  const libc = output(["ldd", "--version"]).split("\n")[0] ?? "";
  const valgrind = Bun.which("valgrind") === null ? [] : [output(["valgrind", "--version"]).trim()];
  // Which of the C library's copy functions run; valgrind hides all that is newer.
  const avx2 = / avx2( |$)/m.test(output(["cat", "/proc/cpuinfo"])) ? "AVX2" : "no AVX2";
  return [...compilers, libc, ...valgrind, `${process.arch} with ${avx2}`];
}
