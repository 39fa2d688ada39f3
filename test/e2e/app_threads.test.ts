/**
 * `serve({ app, appThreads: 3 })` under load, and its threads end in every way there is: the other
 * threads' connections never notice, those of the one that ended are closed with an error at
 * once, it is back soon, and nothing is kept.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { AppThreadView } from "../../src/server.ts";
import type { WatchReport } from "../support/aioquic_report.ts";
import { aioquicCommand, peerMissing, ROOT } from "../support/peer.ts";
import { ServedProgram } from "../support/served_program.ts";
import { sizedBody } from "./apps/sized_body.ts";
import type { Holding } from "./apps/threaded_server.ts";

const THREADS = 3;
const CONNECTIONS = 12;
const BODY_BYTES = 20_000;
/** What the client offers; who waited for it would have met a timeout, not an error. */
const IDLE_TIMEOUT_SECONDS = 30;
/** Between kill and the client's knowledge; on a busy machine its queue may be seconds long. */
const CLOSE_LIMIT_SECONDS = 15;
const BACK_LIMIT_MS = 15_000;
const QUIET_LIMIT_MS = 20_000;
const INTERNAL_ERROR = 0x1;

interface Killed {
  /** Since 1970. */
  atMs: number;
  /** Until it served again. */
  backMs: number;
}

type Ways = "/throw" | "/reject" | "/exit" | "/spin" | "terminate";
const WARM_UP: Ways[] = ["/throw", "terminate", "/throw"];
const ROUNDS: Ways[] = ["/throw", "terminate", "/reject", "/exit", "terminate", "/throw", "/spin"];

/** watch.py, while it runs. */
class Watcher {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  constructor(port: number) {
    const sha256 = new Bun.CryptoHasher("sha256").update(sizedBody(BODY_BYTES)).digest("hex");
    const flags = ["--connections", `${CONNECTIONS}`, "--path", `/?bytes=${BODY_BYTES}`];
    const command = aioquicCommand("watch", "--port", `${port}`, ...flags, "--sha256", sha256);
    this.#child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  }

  ask(app: number, path: string): void {
    this.#child.stdin.write(`ask app thread ${app} ${path}\n`);
    void this.#child.stdin.flush();
  }

  async stop(): Promise<WatchReport> {
    this.#child.stdin.write("stop\n");
    await this.#child.stdin.end();
    return JSON.parse(await this.#child.stdout.text()) as WatchReport;
  }
}

describe.skipIf(peerMissing("aioquic"))("app threads that end under load", () => {
  let program: ServedProgram;
  let port: number;
  beforeAll(async () => {
    const app = JSON.stringify(join(import.meta.dir, "apps/mortal_app.ts"));
    const server = JSON.stringify(join(ROOT, "test/e2e/apps/threaded_server.ts"));
    program = new ServedProgram(
      `const { answerQuestions } = await import(${server});
      const threads = { app: ${app}, appThreads: ${THREADS}, workers: 2, shutdownGraceMs: 2000 };
      await answerQuestions({ ...options, ...threads }, lines, say);`,
    );
    port = await program.next<number>();
  });
  afterAll(async () => {
    program?.tell("stop");
    expect(await program?.end()).toBe(0);
    program?.[Symbol.dispose]();
  });

  async function ask(question: string): Promise<Holding> {
    program.tell(question);
    return await program.next<Holding>();
  }

  async function until(done: (holding: Holding) => boolean, limitMs: number): Promise<Holding> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const holding = await ask("measure");
      if (done(holding)) return holding;
      if (performance.now() > deadline) throw new Error(`never: ${JSON.stringify(holding)}`);
      await Bun.sleep(20);
    }
  }

  /** Ends thread `app`; resolves when it serves again. */
  async function kill(watcher: Watcher, app: number, way: Ways): Promise<Killed> {
    const { restarts } = (await ask("measure")).threads[app]!;
    const atMs = Date.now();
    if (way !== "terminate") watcher.ask(app, way);
    if (way === "/spin") await Bun.sleep(200);
    if (way === "terminate" || way === "/spin") await ask(`fail ${app}`);
    const isBack = ({ state, restarts: now }: AppThreadView) =>
      state === "serving" && now === restarts + 1;
    await until(({ threads }) => isBack(threads[app]!), BACK_LIMIT_MS);
    return { atMs, backMs: Date.now() - atMs };
  }

  /** Every connection is there, and holds what only its thread can give back. */
  async function allBusy(): Promise<void> {
    await until(
      ({ counters }) =>
        counters.live_connections >= CONNECTIONS && counters.chunks_live >= CONNECTIONS,
      BACK_LIMIT_MS,
    );
    await Bun.sleep(200);
  }

  /** Under load, the threads in turn. */
  async function killAll(ways: Ways[]): Promise<{ report: WatchReport; kills: Killed[] }> {
    const watcher = new Watcher(port);
    const kills: Killed[] = [];
    for (const [round, way] of ways.entries()) {
      await allBusy();
      kills.push(await kill(watcher, round % THREADS, way));
    }
    await allBusy();
    return { report: await watcher.stop(), kills };
  }

  async function quiet(): Promise<Holding> {
    const { counters } = await until(
      ({ counters }) => counters.live_connections === 0 && counters.chunks_live === 0,
      QUIET_LIMIT_MS,
    );
    expect(counters.live_streams).toBe(0);
    await ask("collect");
    await Bun.sleep(300);
    return await ask("collect");
  }

  test("the others never notice, and nothing is kept", async () => {
    await killAll(WARM_UP);
    const before = await quiet();
    const { report, kills } = await killAll(ROUNDS);
    const after = await quiet();

    expect(report.refused).toEqual([]);
    expect(report.connections.flatMap(({ failures }) => failures.filter(isNoClose))).toEqual([]);
    expect(report.connections.filter(({ wrong }) => wrong > 0)).toEqual([]);
    // A connection that the server ended was on a start of a thread that was ended, and all of them
    // were told so at once. Those of no other start failed in anything.
    const ended = report.connections.filter(({ end }) => end !== null);
    const told = ended.filter(({ born }) => born !== "");
    const lives = new Set(told.map(({ born }) => born));
    const others = report.connections.filter(({ end }) => end === null);
    expect(lives.size).toBe(ROUNDS.length);
    expect(report.connections.filter(({ born, end }) => lives.has(born) && !end)).toEqual([]);
    for (const { end, failures } of ended) {
      expect(failures.length).toBeLessThanOrEqual(1);
      // For a timeout of its own aioquic uses that code, with a reason.
      expect(end).toMatchObject({ code: INTERNAL_ERROR, transport: true, reason: "" });
    }
    const slowest = Math.max(...closeSeconds(told, kills));
    expect(slowest).toBeLessThan(CLOSE_LIMIT_SECONDS);
    expect(others.length).toBeGreaterThanOrEqual(CONNECTIONS);
    expect(others.flatMap(({ failures }) => failures)).toEqual([]);
    const answers = report.connections.reduce((sum, connection) => sum + connection.answers, 0);
    expect(answers).toBeGreaterThan(report.connections.length);

    const { liveBytes, liveObjects } = after.memory;
    console.log(
      `${ROUNDS.length} threads ended under load: ${answers} answers, ` +
        `${ended.length} connections closed with 0x1, the last ${slowest.toFixed(3)} s after its ` +
        `thread's end (idle timeout ${IDLE_TIMEOUT_SECONDS} s), ` +
        `${others.length} others without a failure; ` +
        `back in ${kills.map(({ backMs }) => backMs).join(", ")} ms; native objects ` +
        `${before.memory.liveObjects} -> ${liveObjects}, bytes ` +
        `${before.memory.liveBytes} -> ${liveBytes}`,
    );
    expect({ liveBytes, liveObjects }).toEqual({
      liveBytes: before.memory.liveBytes,
      liveObjects: before.memory.liveObjects,
    });
    expect(after.threads.map(({ restarts }) => restarts)).toEqual([4, 3, 3]);
    for (const { state } of after.threads) expect(state).toBe("serving");
    const said = program.errors.split("\n").filter((line) => line.includes(" failed: "));
    expect(said).toHaveLength(WARM_UP.length + ROUNDS.length);
    expect(said[0]).toMatch(
      /^quicd: app thread 0 failed: Error: thrown on purpose \(\S+\); starts again in 100 ms$/,
    );
  }, 120_000);
});

/**
 * How long after its thread was ended each connection was told. Threads end one after the other, so
 * the starts of threads that ended are in the order of the kills.
 */
function closeSeconds(ended: WatchReport["connections"], kills: Killed[]): number[] {
  const inTime = ended.toSorted((a, b) => a.end!.seconds - b.end!.seconds);
  const lives = [...new Set(inTime.map(({ born }) => born))];
  return inTime.map(({ born, end }) => end!.seconds - kills[lives.indexOf(born)]!.atMs / 1000);
}

/** Of its own, which only those of a thread that ended may have. */
function isNoClose(failure: string): boolean {
  return !failure.startsWith("closed with 0x1");
}
