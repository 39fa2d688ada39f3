/**
 * The task style: events and streams as async iterables, and that every lease comes back however
 * they end.
 */
import { describe, expect, spyOn, test } from "bun:test";
import {
  COMMAND_CLOSE,
  COMMAND_KIND_WORD,
  COMMAND_STOP,
  EVENT_CLOSING,
  EVENT_DATAGRAM,
  EVENT_HANDSHAKE_DONE,
  EVENT_STREAM_RESET,
  FLAG_EARLY,
} from "../../src/native/abi.gen.ts";
import type { AppEvent, QuicAppFactory } from "../../src/transport/app.ts";
import type { ReceiveStream } from "../../src/transport/stream.ts";
import { Fixture, FLAG_FIN, FLAG_OPENED } from "./fixture.ts";

const OURS = { connection: 0, connectionGeneration: 1 };
const tick = () => new Promise((resolve) => setImmediate(resolve));

type Serve = (events: AsyncIterable<AppEvent>, signal: AbortSignal) => Promise<void>;

function setup(serve: Serve, closingGraceMs = 1000, flags = 0) {
  const factory: QuicAppFactory = {
    acceptsAlpn: () => true,
    spawnApp: (_alpn, _handle, events, _transport, signal) => serve(events, signal),
  };
  const fixture = new Fixture(factory, undefined, { closingGraceMs });
  fixture.connect(0, 0, 1, flags);
  return fixture;
}

/** Serves by reading the first stream with `read`, then ends. */
function withStream(read: (receive: ReceiveStream) => Promise<void>) {
  let finished: Promise<void> = Promise.resolve();
  const fixture = setup(async (events) => {
    for await (const event of events) {
      if (event.type === "NewStream") finished = read(event.receive);
    }
  });
  return { fixture, finished: () => finished };
}

test("events come in order and end after ConnectionClosing", async () => {
  const types: string[] = [];
  const fixture = setup(async (events) => {
    for await (const event of events) {
      types.push(event.type);
      if (event.type === "Datagram") event.chunk.release();
    }
  });
  fixture.receive("x", { flags: FLAG_OPENED });
  fixture.native.emit(0, { kind: EVENT_DATAGRAM, ...OURS, bytes: Buffer.from("d") });
  fixture.native.emit(0, { kind: EVENT_STREAM_RESET, ...OURS, stream: 0, streamGeneration: 1 });
  fixture.native.emit(0, { kind: EVENT_CLOSING, ...OURS });
  fixture.turn();
  await tick();
  expect(types).toEqual([
    "HandshakeCompleted",
    "NewStream",
    "Datagram",
    "StreamReset",
    "ConnectionClosing",
  ]);
  fixture.native.expectNoLeases();
});

test("0-RTT: what is early is said, and when nothing is any more", async () => {
  const told: string[] = [];
  const serve: Serve = async (events) => {
    for await (const event of events) {
      told.push("early" in event ? `${event.type} ${event.early}` : event.type);
    }
  };
  const fixture = setup(serve, 1000, FLAG_EARLY);
  fixture.receive("x", { flags: FLAG_OPENED | FLAG_EARLY });
  fixture.native.emit(0, { kind: EVENT_HANDSHAKE_DONE, ...OURS, flags: FLAG_EARLY });
  fixture.receive("y", { flags: FLAG_OPENED, id: 4 });
  fixture.turn();
  await tick();
  expect(told).toEqual([
    "HandshakeCompleted true",
    "NewStream true",
    "HandshakeConfirmed",
    "NewStream false",
  ]);
});

describe("reading a stream", () => {
  test("the iterator releases the chunk before", async () => {
    const texts: string[] = [];
    const held: number[] = [];
    const { fixture, finished } = withStream(async (receive) => {
      for await (const chunk of receive) {
        texts.push(Buffer.from(chunk.bytes()).toString());
        held.push(fixture.native.leases());
      }
    });
    fixture.receive("a", { flags: FLAG_OPENED });
    fixture.receive("b");
    fixture.receive("c", { flags: FLAG_FIN });
    fixture.turn();
    await tick();
    await finished();
    expect(texts).toEqual(["a", "b", "c"]);
    expect(held).toEqual([3, 2, 1]);
    fixture.native.expectNoLeases();
  });

  test.each(["break", "throw"])("%s releases all and stops the peer", async (way) => {
    const leave = async (receive: ReceiveStream) => {
      for await (const _chunk of receive) {
        if (way === "throw") throw new Error("on purpose");
        break;
      }
    };
    const { fixture, finished } = withStream((receive) => leave(receive).catch(() => {}));
    fixture.receive("a", { flags: FLAG_OPENED });
    fixture.receive("b");
    fixture.turn();
    await tick();
    await finished();
    fixture.native.expectNoLeases();
    const stops = fixture.native.consume(0).map((command) => command[COMMAND_KIND_WORD]);
    expect(stops).toEqual([COMMAND_STOP]);
    fixture.receive("late");
    fixture.turn();
    fixture.native.expectNoLeases();
  });

  test("a reset rejects the reader with the code", async () => {
    const { fixture, finished } = withStream(async (receive) => {
      expect((await receive.read())!.release()).toBeUndefined();
      await expect(receive.read()).rejects.toMatchObject({ kind: "reset", code: 3 });
    });
    fixture.receive("a", { flags: FLAG_OPENED });
    fixture.turn();
    await tick();
    fixture.native.emit(0, {
      kind: EVENT_STREAM_RESET,
      ...OURS,
      stream: 0,
      streamGeneration: 1,
      errorCode: 3,
    });
    fixture.turn();
    await finished();
    fixture.native.expectNoLeases();
  });

  test("a reader that waits for itself is named, once", async () => {
    const warn = spyOn(console, "error").mockImplementation(() => {});
    const { fixture } = withStream(async (receive) => {
      for (;;) await receive.read();
    });
    fixture.receive("1", { flags: FLAG_OPENED });
    for (const byte of ["2", "3", "4"]) fixture.receive(byte);
    fixture.turn();
    await tick();
    fixture.receive("5");
    fixture.turn();
    await tick();
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toContain("stream 0 of connection 0000");
    warn.mockRestore();
  });
});

describe("the end of a task", () => {
  test("a rejection closes the connection with INTERNAL_ERROR and is logged", async () => {
    const log = spyOn(console, "error").mockImplementation(() => {});
    const fixture = setup(async () => {
      throw new Error("on purpose");
    });
    await tick();
    const commands = fixture.native.consume(0);
    expect(commands.map((command) => command[COMMAND_KIND_WORD])).toEqual([COMMAND_CLOSE]);
    expect(log.mock.calls[0]![0]).toContain("on purpose");
    log.mockRestore();
  });

  test("what nobody read is given back", async () => {
    const fixture = setup(async () => {
      await tick();
    });
    fixture.receive("unread", { flags: FLAG_OPENED });
    fixture.native.emit(0, { kind: EVENT_DATAGRAM, ...OURS, bytes: Buffer.from("d") });
    fixture.turn();
    expect(fixture.native.leases()).toBe(2);
    await tick();
    await tick();
    fixture.native.expectNoLeases();
  });

  test("after ConnectionClosing it has its grace, then the signal", async () => {
    let aborted = false;
    const fixture = setup(async (_events, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      aborted = true;
    }, 20);
    fixture.dispatcher.shutDown();
    await tick();
    expect(aborted).toBe(false);
    await Bun.sleep(40);
    expect(aborted).toBe(true);
    expect(fixture.native.consume(0).map((command) => command[COMMAND_KIND_WORD])).toEqual([
      COMMAND_CLOSE,
    ]);
  });
});
