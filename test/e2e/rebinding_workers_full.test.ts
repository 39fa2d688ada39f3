/**
 * Clients nobody here wrote, whose port or address changes a dozen times in one transfer, against
 * servers with several workers: the kernel's hash then leads to another worker again and again.
 *
 * One server for each way to run one, all at the same time; in each, one client after the other, so
 * that what is counted is of one connection.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Choice, usableChoices } from "../support/engine_choices.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { type Family, NetworkPlace } from "../support/network_place.ts";
import { peerMissing } from "../support/peer.ts";
import {
  type ClientName,
  nameOf,
  PEERS,
  type RebindingCase,
  type RebindingResult,
  transferWithRebindings,
  type What,
} from "../support/rebinding.ts";

/** Of one connection: fewer when the transfer is over before. */
const REBINDINGS = 12;
const REBINDINGS_MIN = 6;
/** At 10 Mbit/s these last about as long as the rebindings. */
const BYTES = 3_500_000;
const LIMIT_SECONDS = 60;
const CLIENTS = Object.keys(PEERS) as ClientName[];

const choices = await usableChoices();
const lanes = [2, 4].flatMap((workers) => choices.map((choice) => ({ workers, ...choice })));

describe.skipIf(peerMissing("curl", "quic_go", "aioquic"))("rebinding, several workers", () => {
  let place: NetworkPlace;
  beforeAll(async () => {
    place = await NetworkPlace.open();
  });
  afterAll(() => place?.close());

  function cases(): RebindingCase[] {
    const families = [4, 6] as const satisfies Family[];
    const whats = ["port", "address"] as const satisfies What[];
    const given = { bytes: BYTES, rebindings: REBINDINGS, limitSeconds: LIMIT_SECONDS };
    return CLIENTS.flatMap((client) =>
      families.flatMap((family) =>
        whats
          .filter((what) => what === "port" || place.hasAddresses(family))
          .map((what) => ({ client, what, family, ...given })),
      ),
    );
  }

  test.concurrent.each(lanes)(
    "$workers workers, $routing, $backend",
    async ({ workers, routing, backend }) => {
      const server = await MeasuredServer.start(
        {
          ...{ hostname: "::", workers, routing, backend },
          ...{ idleTimeoutMs: 15_000, handshakeTimeoutMs: 5000 },
        },
        place.serverPrefix,
      );
      const results: RebindingResult[] = [];
      const failures: string[] = [];
      for (const wanted of cases()) {
        const result = await transferWithRebindings(place, server, wanted);
        results.push(result);
        failures.push(...faultsOf(result, routing).map((fault) => `${nameOf(wanted)}: ${fault}`));
      }
      const sum = (value: (result: RebindingResult) => number) =>
        results.reduce((total, result) => total + value(result), 0);
      const made = sum(({ rebindings }) => rebindings);
      const moved = sum((result) => result.moved);
      const forwarded = sum(({ counters }) => counters.receive_forwarded);
      console.log(
        `rebinding, ${workers} workers, ${routing}, ${backend}: ${results.length} connections, ` +
          `${made} rebindings in ${sum(({ seconds }) => seconds).toFixed(0)} s, ` +
          `${moved} of them to another worker, ${forwarded} datagrams forwarded`,
      );
      const { counters, steering } = await server.until(
        (measure) => measure.counters.live_connections === 0,
        20_000,
      );
      expect(failures).toEqual([]);
      expect(counters).toMatchObject({ live_connections: 0, live_streams: 0, chunks_live: 0 });
      if (routing === "ebpf") {
        expect(forwarded).toBe(0);
        expect(steering).toMatchObject({ foreign: 0, miss: 0, short: 0 });
        expect(steering?.decoded).toBeGreaterThan(made);
      } else {
        // A half of all with two workers, three quarters with four: far from either edge.
        expect(moved).toBeWithin(made * 0.25, made * 0.95);
        expect(forwarded).toBeGreaterThan(moved);
        expect(steering).toBeNull();
      }
      expect(await server.stop()).toBe(0);
    },
    240_000,
  );
});

function faultsOf(result: RebindingResult, routing: Choice["routing"]): string[] {
  const { failure, rebindings, counted, counters } = result;
  return [
    failure ?? "",
    rebindings < REBINDINGS_MIN ? `over after ${rebindings} rebindings` : "",
    // The last one may come when nothing more is to be sent.
    counted < rebindings - 1 ? `the server counted ${counted} of ${rebindings} rebindings` : "",
    counters.receive_unknown > 0 ? `${counters.receive_unknown} datagrams for nobody` : "",
    counters.receive_forward_full > 0 ? `${counters.receive_forward_full} dropped` : "",
    routing === "ebpf" && counters.receive_forwarded > 0 ? "forwarded by eBPF" : "",
  ].filter((fault) => fault !== "");
}
