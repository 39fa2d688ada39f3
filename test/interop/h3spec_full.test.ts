/** h3spec against our server and others: it finds what interop/h3spec/expected.json says. */
import { describe, expect, test } from "bun:test";
import { caseText } from "../../interop/h3spec/cases.ts";
import { differences, readExpectations, wantedOutcome } from "../../interop/h3spec/expected.ts";
import { h3specMissing, testServer } from "../../interop/h3spec/run.ts";
import { SERVERS } from "../../interop/h3spec/servers.ts";
import { skipReason } from "../support/peer.ts";

const LIMIT_MS = 120_000;
const OURS = SERVERS.find(({ name }) => name === "quicd")!;
/** quic-go's server knows no other port than 443, which something else may have. */
const OTHERS = SERVERS.filter(({ name }) => ["aioquic", "bun"].includes(name));

/** Case numbers of differences: "3 failed, not passed: ...". */
function differing(found: readonly string[]): number[] {
  return found.map((line) => Number.parseInt(line, 10)).filter((number) => number > 0);
}

describe.skipIf(skipReason(h3specMissing()))("h3spec", () => {
  const expected = readExpectations();

  for (const server of [OURS, ...OTHERS]) {
    test.skipIf(skipReason(server.missing()))(
      server.name,
      async () => {
        const reports = await testServer(server, 1);
        const expectation = expected.get(server.name);
        const found = differences(reports, expectation);
        expect(reports[0]?.faults).toEqual([]);
        // h3spec waits 2 s for a connection or an error, which may be too little while other tests
        // run. What is wrong stays wrong when it is alone.
        const stillFound = [];
        for (const number of differing(found)) {
          const again = await testServer(server, 1, caseText(number));
          const outcome = again[0]?.results.find((result) => result.number === number)?.outcome;
          if (outcome !== wantedOutcome(expectation, number)) stillFound.push(number);
        }
        expect(stillFound, found.join("; ")).toEqual([]);
      },
      LIMIT_MS,
    );
  }

  test(
    "a server with another protocol is no result",
    async () => {
      const command: typeof OURS.command = (port, files) =>
        OURS.command(port, files).map((word) => (word === "h3" ? "hq-interop" : word));
      const [report] = await testServer({ ...OURS, command }, 1, caseText(35));
      expect(report?.results.map(({ number }) => number)).toEqual([35]);
      expect(report?.faults.join("\n")).toContain("hq-interop was negotiated");
    },
    LIMIT_MS,
  );
});
