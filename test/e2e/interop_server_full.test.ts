/**
 * The matrix of interoperation, our server's half: each feature with each of three clients nobody
 * here wrote, over both ways to talk to the kernel. A cell is what the client saw on the wire and
 * what the server counted, and a body that arrived whole; the matrix is printed.
 */
import { afterAll, describe, expect, test } from "bun:test";
import type { EngineOptions } from "../../src/native/addon.ts";
import { usableChoices } from "../support/engine_choices.ts";
import {
  CLIENTS,
  type Client,
  exerciseFeature,
  FEATURES,
  type Feature,
  type FeatureReport,
} from "../support/feature.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { peerMissing } from "../support/peer.ts";
import { differences, hashOf } from "../support/rebinding.ts";
import { sizedBody } from "./apps/sized_body.ts";

type Backend = EngineOptions["backend"];

/** Enough for the feature to fall into the middle of it on loopback. */
const BYTES = 3_000_000;
const EXPECTED = hashOf(sizedBody(BYTES));

const choices = await usableChoices();
const backends = [...new Set(choices.map(({ backend }) => backend))];
const missing = CLIENTS.filter((client) => peerMissing(client));
const servers = new Map<string, Promise<MeasuredServer>>();

function serverFor(backend: Backend, feature: Feature): Promise<MeasuredServer> {
  const retry = feature === "retry" ? "always" : "never";
  const key = `${backend} ${retry}`;
  const started =
    servers.get(key) ??
    MeasuredServer.start({
      ...{ hostname: "127.0.0.1", workers: 2, backend, retry, earlyData: true },
      ...{ idleTimeoutMs: 10_000, handshakeTimeoutMs: 5000 },
    });
  servers.set(key, started);
  return started;
}

/** What makes a download an instance of the feature; null: all of it was there. */
function lack(
  feature: Feature,
  seen: FeatureReport,
  counted: Awaited<ReturnType<MeasuredServer["ask"]>>["counters"],
): string | null {
  const { resumed, early, retries, updated_keys, challenges } = seen;
  switch (feature) {
    case "handshake":
      if (retries > 0) return "a Retry";
      return seen.ecn_capable === false ? "counts of marked packets" : null;
    case "retry":
      return retries === 1 && counted.tokens_valid === 1 ? null : "a Retry and its token";
    case "resumption":
      return resumed && counted.accepted === 2 ? null : "resumption";
    case "zerortt":
      return resumed && early && counted.early === 1 ? null : "early data taken";
    case "keyupdate":
      return updated_keys > 0 ? null : "packets under the next keys";
    case "rebinding":
    case "migration":
      return challenges > 0 && counted.rebindings > 0 ? null : "a validated new path";
  }
}

const matrix = new Map<string, string>();

describe.each(backends)("our server, %s", (backend) => {
  describe.each(CLIENTS.filter((client) => !missing.includes(client)))("%s", (client: Client) => {
    test.each(FEATURES)(
      "%s",
      async (feature) => {
        matrix.set(`${backend} ${client} ${feature}`, "FAILED");
        const server = await serverFor(backend, feature);
        const before = (await server.ask("measure")).counters;
        const seen = await exerciseFeature(client, feature, server.port, BYTES);
        const counted = differences(before, (await server.ask("measure")).counters);
        expect(seen.error ?? null).toBeNull();
        expect(seen).toMatchObject({ bytes: BYTES, sha256: EXPECTED });
        expect(lack(feature, seen, counted)).toBeNull();
        expect(counted).toMatchObject({ panics: 0, failures: 0, tokens_invalid: 0 });
        matrix.set(`${backend} ${client} ${feature}`, "ok");
      },
      40_000,
    );
  });
});

afterAll(async () => {
  for (const server of servers.values()) expect(await (await server).stop()).toBe(0);
  const cell = (text: string) => text.padEnd(11);
  for (const backend of backends) {
    console.log(`our server, ${backend}\n${cell("")}${FEATURES.map(cell).join("")}`);
    for (const client of CLIENTS) {
      const cells = FEATURES.map((feature) => matrix.get(`${backend} ${client} ${feature}`) ?? "-");
      console.log(`${cell(client)}${cells.map(cell).join("")}`);
    }
  }
});
