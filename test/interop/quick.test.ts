/**
 * The interop runner from end to end, with the few cases that take seconds: against ourselves and
 * against quic-go, compared with interop/expected.json. All cases: matrix_full.test.ts.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Results } from "../../interop/runner/results_file.ts";
import { ROOT, skipReason } from "../support/peer.ts";
import { endpointMissing, resultFolder, runnerUnavailable, startRunner } from "./runner_call.ts";

const SECONDS = 1000;
const unavailable = runnerUnavailable();
const without = (...names: string[]) => skipReason(unavailable ?? endpointMissing(...names));
const folder = resultFolder();
afterAll(folder.remove);

async function expectExit(code: number, ...args: string[]): Promise<string> {
  const call = startRunner(args);
  const exitCode = await call.exited;
  expect([exitCode, exitCode === code ? "" : call.output]).toEqual([code, ""]);
  return call.output;
}

describe.skipIf(without("quicd"))("the interop runner", () => {
  test(
    "cases between us and us: results, page, nothing kept",
    async () => {
      const out = join(folder.path, "ours");
      await expectExit(0, "--peer", "quicd", "--case", "H,S,R,3", "--out", out);
      const results: Results = JSON.parse(readFileSync(join(out, "result.json"), "utf8"));
      expect(results.results).toEqual([
        ["handshake", "retry", "resumption", "http3"].map((name) =>
          expect.objectContaining({ name }),
        ),
      ]);
      expect(readFileSync(join(out, "index.html"), "utf8")).toContain("</html>");
      expect(existsSync(join(out, "runs/quicd_quicd/handshake/1"))).toBe(false);
    },
    120 * SECONDS,
  );

  test(
    "an unknown TESTCASE ends both our roles with 127",
    async () => {
      const said = await expectExit(0, "compliance", "--peer", "quicd");
      expect(said).toContain("quicd server: complies\nquicd client: complies\n");
    },
    120 * SECONDS,
  );
});

describe.skipIf(without("quicd", "quic_go"))("the interop runner, quic-go and we", () => {
  test(
    "cases in both roles",
    async () => {
      const out = join(folder.path, "quic_go");
      await expectExit(0, "--peer", "quic_go", "--case", "H,R,3", "--out", out);
    },
    120 * SECONDS,
  );
});

describe.skipIf(without("quic_go"))("the interop runner and quic-go", () => {
  test(
    "endpoints as commands, by `quicd interop`; what is unsupported is no failure",
    async () => {
      const path = "interop/peers/quic_go/run_endpoint.sh";
      const sides = ["--server", path, "--client", `bash ${join(ROOT, path)}`];
      const out = ["--out", join(folder.path, "commands"), "--keep"];
      const call = startRunner(
        ["interop", ...sides, "--case", "handshake,v2", ...out],
        [join(ROOT, "src/cli.ts")],
      );
      expect([await call.exited, call.output]).toEqual([0, expect.stringContaining("2/2")]);
      const kept = join(folder.path, "commands/runs/quic_go_quic_go_2/handshake/1");
      for (const file of ["result.json", "sim/trace_node_left.pcap", "client/logs/keys.log"])
        expect([file, existsSync(join(kept, file))]).toEqual([file, true]);
    },
    120 * SECONDS,
  );

  test(
    "an interrupted call goes on where it was cut short",
    async () => {
      const args = ["--server", "quic_go", "--client", "quic_go", "--lanes", "1"];
      const out = ["--out", join(folder.path, "cut")];
      const cases = ["--case", "handshake,longrtt,v2"];
      const first = startRunner([...args, ...cases, ...out]);
      while (!first.output.includes("1/3 ")) await Bun.sleep(10);
      first.kill("SIGINT");
      expect([await first.exited, first.output]).toEqual([
        130,
        expect.stringContaining("--resume"),
      ]);
      const second = startRunner([...args, ...cases, ...out, "--resume"]);
      await second.exited;
      expect(second.output).toContain("2 runs, 1 more are done");
      expect(second.output).toContain("3/3 ");
      expect(second.output).not.toContain("1/3 ");
    },
    120 * SECONDS,
  );
});
