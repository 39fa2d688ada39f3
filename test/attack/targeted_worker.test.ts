/**
 * Overload of one worker (row 48): what a client writes into its first packets does not choose the
 * worker (test/native/aim_test.c), its port does; and a worker that is full refuses without harm to
 * the others.
 */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { AttackedServer, CID_BYTES, SteadyClient } from "../support/attack.ts";
import { type Choice, usableChoices } from "../support/engine_choices.ts";
import { InitialSender, PING } from "../support/initial_packet.ts";
import { SilentClient } from "../support/silent_client.ts";
import { spentMs, threadTimes } from "../support/thread_time.ts";

const WORKERS = 2;
const CONNECTIONS = 256;
const COUNT = 3000;
/** Of limits.h: so many of a worker's places are for one network that has not proved itself. */
const HALF_OPEN_MAX = Math.max(64, CONNECTIONS / 8);
/** Initials that name another worker: what one owner is passed on, a second and at once. */
const AIMED_PER_SECOND = 1000;
const AIMED_AT_ONCE = 100;

const FULL = process.env.QUICD_TIER !== undefined && process.env.QUICD_TIER !== "default";
const all = [...new Set((await usableChoices()).map(({ routing }: Choice) => routing))];
const routings = FULL ? all : all.slice(0, 1);

describe("one worker of two", () => {
  for (const routing of routings) {
    describe(`routing ${routing}`, () => {
      const options = {
        ...{ routing, workers: WORKERS, connections: CONNECTIONS },
        retry: "never" as const,
      };

      test("all from one port: that worker's places, and no more", async () => {
        const attacked = await AttackedServer.start(options);
        const steady = [new SteadyClient(attacked.port), new SteadyClient(attacked.port)];
        await Bun.sleep(500);
        const client = await SilentClient.open(attacked.port);
        const { pid } = attacked.server;
        const times = threadTimes(pid);
        // Random IDs, and ones of all patterns an attacker may try: the place is the same.
        let serial = 0;
        await client.sendMade(COUNT, () => {
          const id = serial % 2 === 0 ? randomBytes(20) : Buffer.alloc(20, serial);
          id.writeUInt32BE(serial++, 12);
          return new InitialSender(id).packet(PING);
        });
        const { counters } = await attacked.server.ask("measure");
        const now = threadTimes(pid);
        const perWorker = Array.from({ length: WORKERS }, (_, i) =>
          spentMs(times, now, (name) => name === `quicd-${i}`).toFixed(0),
        );
        client.close();
        for (const one of steady) await one.stop();
        console.log(
          `aimed, ${routing}: ${COUNT} Initials from one port, ${counters.half_open} half-open, ` +
            `${counters.receive_refused} refused; workers ${perWorker.join(" and ")} ms; ` +
            `${steady.map(({ whole }) => whole).join(" and ")} requests beside it`,
        );
        expect(counters.half_open).toBeLessThanOrEqual(HALF_OPEN_MAX);
        expect(counters.half_open).toBeGreaterThan(HALF_OPEN_MAX / 2);
        expect(counters.receive_refused).toBeGreaterThan(COUNT / 2);
        for (const one of steady) {
          expect(one.wrong).toEqual([]);
          expect(one.whole).toBeGreaterThan(10);
        }
        expect(await attacked.stop()).toBe(0);
      }, 20_000);

      test("an Initial with a live connection's ID opens nothing, from wherever", async () => {
        // One whose handshake may last longer than this.
        const patient = await AttackedServer.start({ ...options, handshakeTimeoutMs: 20_000 });
        const first = await SilentClient.open(patient.port, 1);
        first.send([new InitialSender().packet(PING)]);
        await Bun.sleep(100);
        const answer = first.received[0]!;
        const at = 6 + answer[5]!;
        const live = answer.subarray(at + 1, at + 1 + answer[at]!);
        expect(live.length).toBe(CID_BYTES);
        const before = (await patient.server.ask("measure")).counters;
        const started = performance.now();
        const forged = new InitialSender(live);
        for (let port = 0; port < 16; port++) {
          const client = await SilentClient.open(patient.port);
          await client.sendMade(COUNT / 16, () => forged.packet(PING));
          client.close();
        }
        const seconds = (performance.now() - started) / 1000;
        const { counters } = await patient.server.ask("measure");
        first.close();
        const forwarded = counters.receive_forwarded - before.receive_forwarded;
        const limited = counters.receive_forward_limited - before.receive_forward_limited;
        console.log(
          `replayed ID, ${routing}: ${COUNT} Initials in ${seconds.toFixed(1)} s, ` +
            `${forwarded} passed on, ${limited} dropped`,
        );
        expect(counters.accepted).toBe(before.accepted);
        expect(forwarded).toBeLessThanOrEqual(AIMED_AT_ONCE + AIMED_PER_SECOND * (seconds + 1));
        expect(await patient.stop()).toBe(0);
      }, 20_000);
    });
  }
});
