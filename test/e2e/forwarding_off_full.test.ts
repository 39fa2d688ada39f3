/**
 * What the rebinding tests are worth: the same servers, and forwarding between workers switched
 * off, lose connections. Each pair differs in nothing but that switch.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FetchReport } from "../support/aioquic_report.ts";
import { usableChoices } from "../support/engine_choices.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { NetworkPlace } from "../support/network_place.ts";
import { aioquicCommand, peerMissing, run } from "../support/peer.ts";
import { hashOf, transferWithRebindings } from "../support/rebinding.ts";
import { USUAL_PATH } from "../support/simulated_network.ts";
import { sizedBody } from "./apps/sized_body.ts";

const CONNECTIONS = 12;
const BYTES = 200_000;
/** Enough for a transfer that lives; one that has lost its worker never ends. */
const LIMIT_SECONDS = 12;

const noEbpf = !(await usableChoices()).some(({ routing }) => routing === "ebpf");

describe.skipIf(peerMissing("aioquic", "curl"))("forwarding switched off", () => {
  let place: NetworkPlace;
  beforeAll(async () => {
    place = await NetworkPlace.open();
  });
  afterAll(() => place?.close());

  function start(routing: "forward" | "random", workers: number, forwarding: boolean) {
    const limits = { idleTimeoutMs: 5000, handshakeTimeoutMs: 5000 };
    const hostname = place.addresses(4).server;
    return MeasuredServer.start(
      { hostname, workers, routing, forwarding, ...limits },
      place.serverPrefix,
    );
  }

  /** One port change for all of them while they download: how many bodies arrived whole. */
  async function survivors(forwarding: boolean) {
    const server = await start("forward", 2, forwarding);
    const at = { host: place.addresses(4).server, port: server.port };
    // It comes in the middle of the 2.4 MB that they share the link for.
    const rebind = ["--first-rebind", "1s", "--rebind-every", "1s", "--rebind-count", "1"];
    const { result } = await place.through(at, [...USUAL_PATH, ...rebind], (entrance) => {
      const where = ["--host", entrance.host, "--port", `${entrance.port}`];
      const limits = ["--ping-every", "0.1", "--timeout", `${LIMIT_SECONDS}`];
      const paths = Array.from({ length: CONNECTIONS }, () => `/x?bytes=${BYTES}`);
      const flags = [...where, ...limits, "--connections", `${CONNECTIONS}`, ...paths];
      const command = [...entrance.prefix, ...aioquicCommand("fetch", ...flags)];
      return run(command, LIMIT_SECONDS + 20);
    });
    if (!result.stdout.startsWith("{")) throw new Error(result.stderr);
    const { files } = JSON.parse(result.stdout) as FetchReport;
    const whole = hashOf(sizedBody(BYTES));
    const survived = files.filter(({ error, sha256 }) => error === null && sha256 === whole);
    const { counters } = await server.ask("measure");
    expect(await server.stop()).toBe(0);
    console.log(
      `forward, 2 workers, forwarding ${forwarding ? "on" : "off"}: ${survived.length} of ` +
        `${CONNECTIONS} connections survive one port change, ` +
        `${counters.receive_unknown} datagrams for nobody`,
    );
    return { survived: survived.length, counters };
  }

  test.concurrent("hash routing: who is moved survives only by forwarding", async () => {
    const [on, off] = await Promise.all([survivors(true), survivors(false)]);
    expect(on.survived).toBe(CONNECTIONS);
    expect(on.counters.receive_forwarded).toBeGreaterThan(0);
    expect(on.counters.receive_unknown).toBe(0);
    // Each is moved with chance 1/2: none is in 1 of 4096 runs.
    expect(off.survived).toBeLessThan(CONNECTIONS);
    expect(off.counters.receive_forwarded).toBe(0);
    expect(off.counters.receive_unknown).toBeGreaterThan(0);
  }, 60_000);

  test.concurrent.skipIf(noEbpf).each([2, 4])(
    "random routing, %d workers: an upload ends only by forwarding",
    async (workers) => {
      const upload = async (forwarding: boolean) => {
        const server = await start("random", workers, forwarding);
        const result = await transferWithRebindings(place, server, {
          ...{ client: "curl upload", what: "port", family: 4 },
          ...{ bytes: 3_000_000, rebindings: 2, limitSeconds: LIMIT_SECONDS },
        });
        expect(await server.stop()).toBe(0);
        const { failure, seconds, counters } = result;
        console.log(
          `random, ${workers} workers, forwarding ${forwarding ? "on" : "off"}: ` +
            `${failure === null ? "whole" : "not whole"} after ${seconds.toFixed(1)} s, ` +
            `${counters.receive_forwarded} forwarded, ${counters.receive_unknown} lost of ` +
            `${counters.receive_datagrams}`,
        );
        return { failure, counters };
      };
      const [on, off] = await Promise.all([upload(true), upload(false)]);
      expect(on.failure).toBeNull();
      expect(on.counters.receive_forwarded).toBeGreaterThan(0);
      expect(off.failure).not.toBeNull();
      expect(off.counters.receive_forwarded).toBe(0);
      expect(off.counters.receive_unknown).toBeGreaterThan(0);
    },
    60_000,
  );
});
