/** A lab in namespaces: files through its simulator, and what its containers see. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Lab } from "../../interop/lab/lab.ts";
import { labUnavailable, openLab } from "../../interop/lab/open_lab.ts";
import { QUIC_GO, type TransferOptions, transfer } from "../../interop/lab/transfer.ts";
import { RunFolder } from "../../interop/runner/run_folder.ts";
import { peerMissing, skipReason } from "../support/peer.ts";
import { TemporaryFolder } from "../support/server_process.ts";

const LINK = "--delay=15ms --bandwidth=10Mbps --queue=25";
const unavailable = skipReason(labUnavailable());

describe.skipIf(unavailable || peerMissing("quic_go"))("a lab with quic-go", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(async () => {
    await lab?.close();
  });

  const run = (folder: TemporaryFolder, options: Partial<TransferOptions>) =>
    transfer(lab, {
      folder: new RunFolder(folder.path),
      scenario: `simple-p2p ${LINK}`,
      seed: 1,
      corrupt: "deliver",
      bytes: 500_000,
      host: "server4",
      testcase: "transfer",
      commands: QUIC_GO,
      confined: false,
      ...options,
    });

  test("carries a file, at the link's rate", async () => {
    using folder = new TemporaryFolder();
    const { exitCodes, equal, seconds, counters } = await run(folder, {});
    expect({ client: exitCodes.client, equal }).toEqual({ client: 0, equal: true });
    expect(seconds).toBeGreaterThan((500_000 * 8) / 10e6);
    expect(counters).toMatchObject({ toClientTooLarge: 0, toClientFailed: 0, toServerFailed: 0 });
  });

  test("carries a file over IPv6", async () => {
    using folder = new TemporaryFolder();
    const { exitCodes, equal } = await run(folder, { host: "server6", bytes: 10_000 });
    expect({ client: exitCodes.client, equal }).toEqual({ client: 0, equal: true });
  });
});
