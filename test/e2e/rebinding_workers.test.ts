/**
 * A client's port changes in the middle of a download, so that the kernel's hash of addresses leads
 * to another worker than the one that has its connection: two cases of those in
 * rebinding_workers_full.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { usableChoices } from "../support/engine_choices.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { NetworkPlace } from "../support/network_place.ts";
import { peerMissing } from "../support/peer.ts";
import { type RebindingCase, transferWithRebindings } from "../support/rebinding.ts";

const CASES: Record<string, RebindingCase> = {
  ebpf: {
    ...{ client: "curl", what: "port", family: 4 },
    ...{ bytes: 2_000_000, rebindings: 8, limitSeconds: 15 },
  },
  forward: {
    ...{ client: "curl upload", what: "port", family: 6 },
    ...{ bytes: 2_000_000, rebindings: 8, limitSeconds: 15 },
  },
};
const choices = (await usableChoices()).filter(({ backend }) => backend !== "syscalls");

describe.skipIf(peerMissing("curl"))("rebinding, two workers", () => {
  let place: NetworkPlace;
  beforeAll(async () => {
    place = await NetworkPlace.open();
  });
  afterAll(() => place?.close());

  test.concurrent.each(choices)(
    "$routing, $backend",
    async ({ routing, backend }) => {
      const wanted = CASES[routing]!;
      const server = await MeasuredServer.start(
        {
          ...{ hostname: place.addresses(wanted.family).server, workers: 2, routing, backend },
          ...{ idleTimeoutMs: 15_000, handshakeTimeoutMs: 5000 },
        },
        place.serverPrefix,
      );
      const result = await transferWithRebindings(place, server, wanted);
      const { failure, seconds, rebindings, counted, moved, counters } = result;
      console.log(
        `rebinding, ${routing}: ${rebindings} in ${seconds.toFixed(1)} s, ${moved} of them to ` +
          `another worker, ${counters.receive_forwarded} datagrams forwarded`,
      );
      expect(failure).toBeNull();
      expect(rebindings).toBeGreaterThanOrEqual(6);
      expect(counted).toBeGreaterThanOrEqual(rebindings - 1);
      expect(counters.receive_unknown).toBe(0);
      // 1 of 256 runs has none: the hash of each port is drawn anew.
      if (routing === "ebpf") expect(counters.receive_forwarded).toBe(0);
      expect(await server.stop()).toBe(0);
    },
    30_000,
  );
});
