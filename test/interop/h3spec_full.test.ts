/** h3spec against our server and others: it finds what interop/h3spec/expected.json says. */
import { describe, expect, test } from "bun:test";
import { differences, readExpectations } from "../../interop/h3spec/expected.ts";
import { h3specMissing, testServer } from "../../interop/h3spec/run.ts";
import { SERVERS } from "../../interop/h3spec/servers.ts";
import { skipReason } from "../support/peer.ts";

const LIMIT_MS = 120_000;
const OURS = SERVERS.find(({ name }) => name === "quicd")!;
/** quic-go's server knows no other port than 443, which something else may have. */
const OTHERS = SERVERS.filter(({ name }) => ["aioquic", "bun"].includes(name));

describe.skipIf(skipReason(h3specMissing()))("h3spec", () => {
  const expected = readExpectations();

  for (const server of [OURS, ...OTHERS]) {
    test.skipIf(skipReason(server.missing()))(
      server.name,
      async () => {
        // h3spec waits 2 s for an error, or only 0.1 s: too little on a machine that is
        // busy with other tests. What is wrong stays wrong in a second run.
        const found: (readonly string[])[] = [];
        for (let run = 0; run < 2 && found.at(-1)?.length !== 0; run++) {
          const reports = await testServer(server, 1);
          found.push(differences(reports, expected.get(server.name)));
        }
        expect(found.at(-1), `first run: ${found[0]?.join("; ")}`).toEqual([]);
      },
      LIMIT_MS,
    );
  }

  test(
    "a server with another protocol is no result",
    async () => {
      const command: typeof OURS.command = (port, files) =>
        OURS.command(port, files).map((word) => (word === "h3" ? "hq-interop" : word));
      const [report] = await testServer({ ...OURS, command }, 1, "HTTP/3 servers");
      expect(report?.faults.join("\n")).toContain("hq-interop was negotiated");
      // What it would have been worth without that check.
      expect(report?.results).toHaveLength(15);
      expect(report?.results.some(({ outcome }) => outcome === "passed")).toBe(true);
    },
    LIMIT_MS,
  );
});
