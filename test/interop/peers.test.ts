/** The peers: everyone has an entry point, and who is missing says what to do. */
import { describe, expect, test } from "bun:test";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { ENDPOINTS } from "../../interop/peers/endpoints.ts";
import { ROOT, run, skipReason } from "../support/peer.ts";

describe("the registry of peers", () => {
  test("names everyone once, each with an entry point and a role", () => {
    const names = ENDPOINTS.map((endpoint) => endpoint.name);
    expect(new Set(names).size).toBe(names.length);
    for (const endpoint of ENDPOINTS) {
      accessSync(endpoint.command[0] ?? "", constants.X_OK);
      expect(endpoint.roles.length).toBeGreaterThan(0);
      expect(endpoint.suites.length).toBeGreaterThan(0);
    }
  });

  test("gives the remedy for a peer that is not installed", async () => {
    const script = `import { ENDPOINTS } from "${ROOT}/interop/peers/endpoints.ts";
      const peer = ENDPOINTS.find(({ name }) => name === "quic_go");
      console.log(peer?.missing());`;
    const here = ["env", `QUICD_PEERS_DIR=${join(ROOT, "no_such_folder")}`];
    const { stdout, stderr } = await run([...here, process.execPath, "-e", script]);
    expect(stderr).toBe("");
    expect(stdout).toContain("Remedy: interop/peers/install.sh quic_go");
  });
});

describe("interop/peers/install.sh", () => {
  const install = join(ROOT, "interop/peers/install.sh");

  test("fails for a peer that nobody knows, and installs the others all the same", async () => {
    const { exitCode, stdout, stderr } = await run([install, "no_such_peer", "entry_point"]);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr.trim().split("\n").sort()).toEqual([
      "install.sh: no such peer: entry_point",
      "install.sh: no such peer: no_such_peer",
    ]);
  });

  const machine = ["env", "PATH=/usr/bin:/bin", "QUICD_PEERS_DIR=/nowhere", "HOME=/nowhere"];
  const { exitCode: noGo } = Bun.spawnSync([...machine, "sh", "-c", "! command -v go"]);
  const without = noGo === 0 ? null : "the machine without Go, to install quic-go on, has one";

  test.skipIf(skipReason(without))(
    "has a reason where the machine lacks what it needs",
    async () => {
      const { exitCode, stdout } = await run([...machine, install, "quic_go"]);
      expect([exitCode, stdout.startsWith("SKIP reason: peers/quic_go: missing ")]).toEqual([
        0,
        true,
      ]);
    },
  );
});
