/**
 * What there is to run: every folder of test/ is a group, and a group is a list of steps.
 *
 * A file `NAME_full.test.ts` runs from the full tier on, `NAME_long.test.ts` in the long one only;
 * all others always run and may look at QUICD_TIER to do more.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { mayPair } from "./pairs.ts";

export type Tier = "default" | "full" | "long";

export interface Step {
  name: string;
  argv: string[];
  limitSeconds: number;
  env?: Record<string, string>;
  /** How to count: from bun's report, from a closing line, or the exit code as one test. */
  count: "junit" | "line" | "exit" | "none";
  /** It mostly waits, and measures no time: it may run beside another such step of its group. */
  pairs?: boolean;
}

export interface Group {
  name: string;
  steps: Step[];
}

/** Seconds that one step may take, and that one fuzzer runs. */
const LIMITS: Record<Tier, { bun: number; fuzz: number }> = {
  default: { bun: 300, fuzz: 4 },
  full: { bun: 1200, fuzz: 15 },
  long: { bun: 4 * 3600, fuzz: 900 },
};

/** Folders whose tests start servers: a process for each file, so that a crash loses one file. */
const ISOLATED = new Set(["attack", "e2e", "interop", "lab"]);
const LAST = ["native", "fuzz", "sim", "quiche", "attack", "lab", "e2e", "interop"];

/**
 * Files whose servers are put to the same tests once more, on plain system calls: those about what
 * goes over the network. What they start, they start through the helpers of test/support.
 */
const ON_BOTH_BACKENDS: Record<string, readonly string[]> = {
  e2e: [
    "aioquic",
    "bun_fetch",
    "client",
    "client_paths",
    "client_resume",
    "chromium",
    "curl_h3",
    "hostile_full",
    "many_files_full",
    "netsim_rebinding_full",
    "netsim_transfer",
    "quic_go",
    "sanitized_full",
  ],
  transport: ["native_server"],
};
const SYSCALLS = { QUICD_TEST_BACKEND: "syscalls" };

export function listGroups(root: string, tier: Tier): Group[] {
  const folders = readdirSync(join(root, "test"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  const groups: Group[] = [{ name: "house", steps: bunSteps(root, "", tier) }];
  for (const folder of folders) groups.push({ name: folder, steps: bunSteps(root, folder, tier) });

  const group = (name: string): Group => {
    const found = groups.find((candidate) => candidate.name === name);
    if (found) return found;
    const made: Group = { name, steps: [] };
    groups.push(made);
    return made;
  };
  group("native").steps.push(...nativeSteps(root));
  // What fuzzes in JavaScript takes longest: behind the build, it runs beside the fuzzers in C.
  const [fuzzBuild, ...fuzzers] = fuzzSteps(root, tier);
  if (fuzzBuild) group("fuzz").steps.unshift(fuzzBuild);
  group("fuzz").steps.push(...fuzzers);
  group("sim").steps.push(...simSteps(root, tier));
  group("quiche").steps.push(...crateSteps(root, tier));
  // First: some unit tests compare with a peer, too.
  if (tier !== "default") groups.unshift({ name: "peers", steps: peerSteps(root) });

  for (const { name, steps } of groups) {
    for (const step of steps) step.pairs = mayPair(name, step.name);
  }
  return groups
    .filter((candidate) => candidate.steps.length > 0)
    .sort((a, b) => LAST.indexOf(a.name) - LAST.indexOf(b.name));
}

function runsIn(file: string, tier: Tier): boolean {
  if (file.endsWith("_long.test.ts")) return tier === "long";
  if (file.endsWith("_full.test.ts")) return tier !== "default";
  return file.endsWith(".test.ts");
}

function bunSteps(root: string, folder: string, tier: Tier): Step[] {
  const directory = join(root, "test", folder);
  const found = readdirSync(directory, { recursive: folder !== "" }) as string[];
  const twice = (ON_BOTH_BACKENDS[folder] ?? []).map((name) => `${name}.test.ts`);
  const gone = twice.find((file) => !found.includes(file));
  if (gone) throw new Error(`test/${folder}/${gone} is in ON_BOTH_BACKENDS and not there`);
  const files = found
    .filter((file) => runsIn(file, tier))
    .sort()
    .map((file) => join(directory, file));
  if (files.length === 0) return [];
  const step = (name: string, paths: string[], env: Record<string, string> = {}): Step => ({
    name,
    argv: [process.execPath, "test", "--timeout", "20000", ...paths],
    limitSeconds: LIMITS[tier].bun,
    env: { QUICD_TIER: tier, ...env },
    count: "junit",
  });
  const nameOf = (file: string) => `${folder}/${basename(file, ".test.ts")}`;
  const again = files
    .filter((file) => twice.includes(basename(file)))
    .map((file) => step(`${nameOf(file)} on syscalls`, [file], SYSCALLS));
  if (!ISOLATED.has(folder)) return [step(folder || "house", files), ...again];
  return [...files.map((file) => step(nameOf(file), [file])), ...again];
}

/** ASLR off where allowed: the runtimes of older clangs collide with 32 bits of it. */
function fixedAddresses(): string[] {
  const probe = Bun.spawnSync(["setarch", "-R", "true"], { stdout: "ignore", stderr: "ignore" });
  return probe.exitCode === 0 ? ["setarch", "-R"] : [];
}

const SANITIZER_ENV = {
  ASAN_OPTIONS: "detect_leaks=1:abort_on_error=1:strict_string_checks=1",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
  TSAN_OPTIONS: "halt_on_error=1:second_deadlock_stack=1",
};

const NATIVE_LIMIT_SECONDS = 120;
const MAKE = ["make", "-C", "native", "--no-print-directory"];

function makeStep(name: string, ...goals: string[]): Step {
  return { name, argv: [...MAKE, "-j2", ...goals], limitSeconds: 600, count: "none" };
}

function cSources(root: string, folder: string, suffix: string): string[] {
  const directory = join(root, "test", folder);
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith(suffix))
    .sort();
}

function nativeSteps(root: string): Step[] {
  const sources = cSources(root, "native", "_test.c");
  if (sources.length === 0) return [];
  const prefix = fixedAddresses();
  const run = (variant: string, source: string): Step => {
    const name = basename(source, ".c");
    return {
      name: `${variant}/${name}`,
      argv: [...(variant === "lib" ? [] : prefix), join(root, "build", variant, "test", name)],
      limitSeconds: NATIVE_LIMIT_SECONDS,
      env: SANITIZER_ENV,
      count: "line",
    };
  };
  // A race needs two threads: only tests that start some are worth ThreadSanitizer's time.
  const threaded = sources.filter((source) =>
    readFileSync(join(root, "test/native", source), "utf8").includes("<pthread.h>"),
  );
  const steps = [makeStep("build", "tests"), ...sources.map((source) => run("lib", source))];
  steps.push(makeStep("build with ASan and UBSan", "SANITIZE=address", "tests"));
  steps.push(...sources.map((source) => run("asan", source)));
  if (threaded.length > 0) {
    const goals = threaded.map((source) => `../build/tsan/test/${basename(source, ".c")}`);
    steps.push(makeStep("build with TSan", "SANITIZE=thread", ...goals));
    steps.push(...threaded.map((source) => run("tsan", source)));
  }
  return steps;
}

function fuzzSteps(root: string, tier: Tier): Step[] {
  const sources = cSources(root, "fuzz", "_fuzz.c");
  if (sources.length === 0) return [];
  const seconds = LIMITS[tier].fuzz;
  const run = (source: string): Step => {
    const name = basename(source, ".c");
    const grown = join(root, "build/corpus", name);
    const seeds = join(root, "test/fuzz/corpus", name);
    return {
      name,
      // New inputs go to the first folder; the second, where it exists, is the committed one.
      argv: [
        ...["sh", "-c", 'mkdir -p "$1" && shift && exec "$@"', "sh", grown],
        ...fixedAddresses(),
        join(root, "build/fuzz", name),
        `-max_total_time=${seconds}`,
        "-timeout=10",
        "-rss_limit_mb=2048",
        `-artifact_prefix=${join(root, "build/corpus", `${name}.`)}`,
        grown,
        ...(existsSync(seeds) ? [seeds] : []),
      ],
      limitSeconds: seconds + 60,
      env: SANITIZER_ENV,
      count: "exit",
    };
  };
  return [makeStep("build", "fuzzers"), ...sources.map(run)];
}

/** Seeds beyond those of the full tier that found something once. */
const TELLING_SEEDS = [1540, 2447, 4704];

/** Seeds of the simulated network: how many each tier runs, the sanitized ones separately. */
const SEEDS: Record<Tier, { plain: number; sanitized: number; limitSeconds: number }> = {
  default: { plain: 100, sanitized: 20, limitSeconds: 120 },
  full: { plain: 1000, sanitized: 100, limitSeconds: 600 },
  long: { plain: 10000, sanitized: 1000, limitSeconds: 3600 },
};

function simSteps(root: string, tier: Tier): Step[] {
  const { plain, sanitized, limitSeconds } = SEEDS[tier];
  const run = (name: string, argv: string[]): Step => ({
    name,
    argv,
    limitSeconds,
    env: SANITIZER_ENV,
    count: "line",
  });
  const seeds = (variant: string) => join(root, "build", variant, "sim/seeds");
  return [
    makeStep("build", "sim"),
    run("seeds", [seeds("lib"), "--count", `${plain}`]),
    ...TELLING_SEEDS.map((seed) => run(`seed ${seed}`, [seeds("lib"), "--seed", `${seed}`])),
    run("connections of three hours", [
      seeds("lib"),
      "--hours",
      "--count",
      `${plain / 20}`,
      "--quiet",
    ]),
    run("planted faults", [seeds("lib"), "--plants"]),
    run("equal seeds, equal traces", [seeds("lib"), "--count", "30", "--twice", "--quiet"]),
    makeStep("build with ASan and UBSan", "SANITIZE=address", "sim"),
    run("seeds with ASan and UBSan", [
      ...fixedAddresses(),
      ...[seeds("asan"), "--count", `${sanitized}`, "--quiet"],
    ]),
  ];
}

function crateSteps(root: string, tier: Tier): Step[] {
  const script = join(root, "native/quiche/test.sh");
  if (!existsSync(script)) return [];
  const tests: Step = { name: "quiche", argv: [script], limitSeconds: 1500, count: "line" };
  if (tier !== "long") return [tests];
  const step = (name: string, ...argv: string[]): Step => ({
    ...{ name, argv, limitSeconds: 300, count: "exit" },
  });
  return [
    tests,
    step("series on the newest release", join(root, "native/quiche/rebase.sh")),
    step("advisories", process.execPath, join(root, "test/advisories/main.ts")),
  ];
}

function peerSteps(root: string): Step[] {
  const script = join(root, "interop/peers/install.sh");
  if (!existsSync(script)) return [];
  return [{ name: "install peers", argv: [script], limitSeconds: 1200, count: "none" }];
}
