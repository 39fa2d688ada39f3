/** The command line of `quicd load`. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { parseLoadArguments } from "../../src/cli/load_arguments.ts";
import { UserError } from "../../src/config/user_error.ts";
import { runCli } from "../cli/run_cli.ts";

/** Seconds, on a machine of one's own. */
setDefaultTimeout(60_000);

const URL_ARGUMENT = "https://localhost:4433/";

function planOf(...args: string[]) {
  return parseLoadArguments([URL_ARGUMENT, ...args])!.plan;
}

test("each mode has what is usual for it", () => {
  const shape = (mode: string) => {
    const { method, payloadBytes, connections, streams } = planOf("--mode", mode);
    return [method, payloadBytes, connections, streams];
  };
  expect(shape("requests")).toEqual(["GET", 0, 10, 10]);
  expect(shape("download")).toEqual(["GET", 0, 1, 1]);
  expect(shape("upload")).toEqual(["POST", 1 << 20, 1, 1]);
  expect(shape("datagrams").slice(1)).toEqual([100, 10, 10]);
});

test("what was said is what is done", () => {
  const flags = "-c 7 -s 3 --rate 0.5 -n 20 --warmup 0 --timeout 0.2 --bytes 9 --status 404";
  const plan = planOf(...flags.split(" "), "-H", "X-A: b: c", "--expect", "text:a:b");
  expect(plan).toMatchObject({ connections: 7, streams: 3, rate: 0.5, operations: 20 });
  expect(plan).toMatchObject({ warmUpSeconds: 0, timeoutMs: 200, payloadBytes: 9, status: 404 });
  expect(plan).toMatchObject({ method: "POST", fields: ["x-a", "b: c"] });
  expect(plan.expect).toEqual({ kind: "content", content: new TextEncoder().encode("a:b") });
});

test.each([
  [[], "which URL"],
  [["http://localhost/"], "https://"],
  [[URL_ARGUMENT, "twice"], "one URL"],
  [[URL_ARGUMENT, "--mode", "request"], "did you mean requests"],
  [[URL_ARGUMENT, "--conections", "3"], "did you mean --connections"],
  [[URL_ARGUMENT, "-c", "0"], "--connections: 0 must be a whole number from 1"],
  [[URL_ARGUMENT, "-c", "many"], "--connections: many"],
  [[URL_ARGUMENT, "-d", "-1"], "ambiguous"],
  [[URL_ARGUMENT, "-d", "x"], "--duration: x must be a number"],
  [[URL_ARGUMENT, "-d", "1", "-n", "1"], "one of the two"],
  [[URL_ARGUMENT, "--rate", "0"], "--rate: 0"],
  [[URL_ARGUMENT, "--expect", "sha256:12"], "sha256:HEX"],
  [[URL_ARGUMENT, "--expect", "file:/no/such/file"], "cannot be read"],
  [[URL_ARGUMENT, "--handshake", "half"], "full, resumed, 0-rtt"],
  [[URL_ARGUMENT, "--mode", "datagrams", "--bytes", "7"], "from 8"],
  [[URL_ARGUMENT, "--threads", "3", "-c", "2"], "not be more than the connections"],
  [[URL_ARGUMENT, "-H", "nonsense"], "name: value"],
  [[URL_ARGUMENT, "--method", "CONNECT"], "not CONNECT"],
] as [string[], string][])("%j is refused", (args, said) => {
  const parse = () => parseLoadArguments(args);
  expect(parse).toThrow(UserError);
  expect(parse).toThrow(said);
});

test("the command says so with exit code 2, and its help names every flag", async () => {
  const wrong = await runCli(["load", URL_ARGUMENT, "--streams", "0"]);
  expect([wrong.exitCode, wrong.stdout]).toEqual([2, ""]);
  expect(wrong.stderr).toContain("--streams: 0 must be");
  const help = await runCli(["load", "--help"]);
  expect(help.exitCode).toBe(0);
  for (const word of ["--rate", "--warmup", "--expect", "--gate", "130"]) {
    expect(help.stdout).toContain(word);
  }
  for (const line of help.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
});
