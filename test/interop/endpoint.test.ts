/** Our endpoint for the interop runner: what it says it can do, and how it says that it cannot. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import { logPlaces, parseParameters } from "../../interop/endpoint/parameters.ts";
import { planOf, supportedBy } from "../../interop/testcases.ts";

const ENTRY = join(import.meta.dir, "../../interop/run_endpoint.sh");

function askedFor(role: "client" | "server"): string[] {
  return [...new Set(QUIC_CASES.map((one) => one.testcase[role]))];
}

describe.each(["client", "server"] as const)("as %s", (role) => {
  test("it takes part in every case", () => {
    const missing = askedFor(role).filter((name) => planOf(role, name) === null);
    expect(missing).toEqual([]);
  });

  test("the table has nothing that no case asks for", () => {
    expect(supportedBy(role).filter((name) => !askedFor(role).includes(name))).toEqual([]);
  });

  test.each(["gallant-otter", "", "toString"])("TESTCASE=%j is answered 127", async (testcase) => {
    const { exitCode } = await run(role, testcase);
    expect(exitCode).toBe(127);
  });
});

test("without a role nothing is supported", async () => {
  const { exitCode, output } = await run("proxy", "transfer");
  expect(exitCode).toBe(127);
  expect(output).toContain('ROLE="proxy" TESTCASE="transfer"');
});

async function run(role: string, testcase: string) {
  const env = { ...process.env, ROLE: role, TESTCASE: testcase, REQUESTS: "" };
  const child = Bun.spawn([ENTRY], { env, stdout: "ignore", stderr: "pipe" });
  const output = await new Response(child.stderr).text();
  return { exitCode: await child.exited, output };
}

describe("parameters", () => {
  test("left out", () => {
    expect(parseParameters(["https://server4:443/a"])).toEqual({
      ...{ workers: 1, routing: "auto", backend: "auto", congestion: "cubic" },
      wait: "",
      rest: ["https://server4:443/a"],
    });
  });

  test("given", () => {
    const flags = "--workers 4 --routing ebpf --backend syscalls --congestion bbr2 --wait sim:1";
    expect(parseParameters(flags.split(" "))).toEqual({
      ...{ workers: 4, routing: "ebpf", backend: "syscalls", congestion: "bbr2" },
      wait: "sim:1",
      rest: [],
    });
  });

  test.each([
    ["--workers 0", "--workers 0: must be an integer from 1 to 64"],
    ["--routing wrong", "--routing wrong: must be one of auto, ebpf, forward"],
    ["--backend epoll", "must be one of auto, io_uring, syscalls"],
    ["--speed 3", "--speed"],
  ])("%s is refused", (flags, text) => {
    expect(() => parseParameters(flags.split(" "))).toThrow(text);
  });

  test("where logs go", () => {
    expect(logPlaces({ SSLKEYLOGFILE: "/logs/keys.log", QLOGDIR: "/logs/qlog/" })).toEqual({
      keylog: "/logs/keys.log",
      qlog: "/logs/qlog/",
    });
    expect(logPlaces({})).toEqual({ keylog: "", qlog: "" });
  });
});
