/** The fate of a datagram, by event and by promise; once, whatever it is. */
import { expect, test } from "bun:test";
import {
  COMMAND_FLAGS_WORD,
  COMMAND_REQUEST_ID_WORD,
  EVENT_CLOSING,
  EVENT_DATAGRAM_OUTCOME,
  FLAG_ANSWER,
  OK,
  REFUSED_DROPPED,
  REFUSED_TOO_LARGE,
  REFUSED_UNSUPPORTED,
} from "../../src/native/abi.gen.ts";
import type { AppEvent, ConnectionHandle, QuicAppFactory } from "../../src/transport/app.ts";
import { Fixture } from "./fixture.ts";

const OURS = { connection: 0, connectionGeneration: 1 };
const tick = () => new Promise((resolve) => setImmediate(resolve));

const OUTCOMES = [
  [OK, "sent"],
  [REFUSED_DROPPED, "dropped"],
  [REFUSED_TOO_LARGE, "too-large"],
  [REFUSED_UNSUPPORTED, "unsupported"],
] as const;

test("a task is told by an event with the request's id, on request only", async () => {
  const events: AppEvent[] = [];
  const handles: ConnectionHandle[] = [];
  const factory: QuicAppFactory = {
    acceptsAlpn: () => true,
    async spawnApp(_alpn, handle, all) {
      handles.push(handle);
      for await (const event of all) events.push(event);
    },
  };
  const fixture = new Fixture(factory);
  fixture.connect();
  const handle = handles[0]!;
  handle.sendDatagram(new Uint8Array(1));
  const ids = OUTCOMES.map(() => handle.sendDatagram(new Uint8Array(1), { report: true }));
  const waiting = handle.sendDatagram(new Uint8Array(1), { report: true });
  const flags = fixture.native.consume(0).map((command) => command[COMMAND_FLAGS_WORD]);
  expect(flags).toEqual([0, ...ids.map(() => FLAG_ANSWER), FLAG_ANSWER]);
  for (const [i, [errorCode]] of OUTCOMES.entries()) {
    const requestId = ids[i] as number;
    // Twice: the second one is nobody's.
    for (let times = 0; times < 2; times++) {
      fixture.native.emit(0, { kind: EVENT_DATAGRAM_OUTCOME, ...OURS, requestId, errorCode });
    }
  }
  fixture.native.emit(0, { kind: EVENT_CLOSING, ...OURS });
  fixture.turn();
  await tick();
  expect(events.filter((event) => event.type === "DatagramOutcome")).toEqual([
    ...OUTCOMES.map(([, outcome], i) => ({
      type: "DatagramOutcome" as const,
      requestId: ids[i] as number,
      outcome,
    })),
    { type: "DatagramOutcome", requestId: waiting as number, outcome: "closed" },
  ]);
  expect(events.at(-1)?.type).toBe("ConnectionClosing");
});

test("sendDatagramReported resolves, and is never rejected", async () => {
  const fixture = new Fixture();
  const { connection } = fixture.connect();
  for (const [errorCode, outcome] of OUTCOMES) {
    const told = connection.sendDatagramReported(new Uint8Array(1));
    const [command] = fixture.native.consume(0);
    const requestId = command![COMMAND_REQUEST_ID_WORD]!;
    fixture.native.emit(0, { kind: EVENT_DATAGRAM_OUTCOME, ...OURS, requestId, errorCode });
    fixture.turn();
    expect(await told).toBe(outcome);
  }
  expect(await connection.sendDatagramReported(new Uint8Array(1201))).toBe("too-large");
  const { commandCapacity } = fixture.native;
  fixture.native.commandCapacity = 0;
  expect(await connection.sendDatagramReported(new Uint8Array(1))).toBe("dropped");
  fixture.native.commandCapacity = commandCapacity;
  const last = connection.sendDatagramReported(new Uint8Array(1));
  fixture.native.consume(0);
  fixture.native.emit(0, { kind: EVENT_CLOSING, ...OURS });
  fixture.turn();
  expect(await last).toBe("closed");
  expect(await connection.sendDatagramReported(new Uint8Array(1))).toBe("closed");
  fixture.native.expectNoLeases();
});
