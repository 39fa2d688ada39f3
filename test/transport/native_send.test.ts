/**
 * Writing within credit: arithmetic modulo 2^32, what falls short, and who is told when there is
 * room.
 */
import { describe, expect, test } from "bun:test";
import {
  COMMAND_FLAGS_WORD,
  COMMAND_KIND_WORD,
  COMMAND_RESET,
  COMMAND_WRITE,
  EVENT_STREAM_STOPPED,
  EVENT_STREAM_WRITABLE,
} from "../../src/native/abi.gen.ts";
import { LARGE_COUNT, SMALL_COUNT } from "./fake_native.ts";
import { Fixture, FLAG_FIN, type RecordingStream } from "./fixture.ts";

function setup(credit = 1 << 20) {
  const fixture = new Fixture();
  fixture.connect();
  const sink = fixture.openStream(0, credit);
  return { fixture, native: fixture.native, sink, send: sink.stream.send! };
}

/** All bytes of the Writes that the worker was given, and whether a FIN came. */
function written(fixture: Fixture) {
  const commands = fixture.native.consume(0);
  const writes = commands.filter((command) => command[COMMAND_KIND_WORD] === COMMAND_WRITE);
  return {
    count: writes.length,
    bytes: Buffer.concat(writes.map((command) => fixture.native.payload(command))),
    fin: writes.some((command) => command[COMMAND_FLAGS_WORD] === FLAG_FIN),
  };
}

function writable(fixture: Fixture): void {
  fixture.native.emit(0, {
    kind: EVENT_STREAM_WRITABLE,
    connection: 0,
    connectionGeneration: 1,
    stream: 0,
    streamGeneration: 1,
  });
  fixture.turn();
}

describe("tryWrite", () => {
  test("sends small writes in one small buffer, FIN with the last byte", () => {
    const { fixture, send } = setup();
    expect(send.tryWrite(Buffer.from("answer"), true)).toBe(6);
    expect(written(fixture)).toEqual({ count: 1, bytes: Buffer.from("answer"), fin: true });
    fixture.native.expectNoLeases();
  });

  test("fills several large buffers in one call", () => {
    const { fixture, send } = setup();
    const bytes = Uint8Array.from({ length: 40_000 }, (_, i) => i % 251);
    expect(send.tryWrite(bytes, false)).toBe(40_000);
    const { count, bytes: sent, fin } = written(fixture);
    expect(count).toBe(3);
    expect(sent.equals(bytes)).toBe(true);
    expect(fin).toBe(false);
  });

  test("takes no more than the credit, asks for more, and keeps FIN for the last byte", () => {
    const { fixture, native, send } = setup(4);
    expect(send.tryWrite(Buffer.from("answer"), true)).toBe(4);
    expect(written(fixture).fin).toBe(false);
    expect(native.wants).toEqual([{ stream: 0, seen: 4 }]);
    expect(send.credit).toBe(0);
    native.setCredit(0, 0, 6);
    expect(send.tryWrite(Buffer.from("er"), true)).toBe(2);
    expect(written(fixture)).toMatchObject({ bytes: Buffer.from("er"), fin: true });
  });

  test("takes nothing after FIN", () => {
    const { send } = setup();
    send.finish();
    expect(send.tryWrite(Buffer.from("late"))).toBe(0);
    expect(send.reserve(1)).toBeNull();
    expect(send.credit).toBe(0);
  });

  test("an empty one with fin is a finish", () => {
    const { fixture, send } = setup(0);
    expect(send.tryWrite(new Uint8Array(0), true)).toBe(0);
    expect(written(fixture)).toMatchObject({ count: 1, fin: true });
  });
});

test("credit counts on across 2^32", () => {
  const { native, send } = setup(16_384);
  send.reserve(16_384);
  send.commit(16_384, false);
  expect(send.credit).toBe(0);
  // As far as it goes: the limit has wrapped, what is left is all but what was written.
  native.setCredit(0, 0, 0);
  expect(send.credit).toBe(2 ** 32 - 16_384);
});

test("a full ring is told of after the next turn, once", () => {
  const { fixture, native, sink, send } = setup();
  native.commandCapacity = 0;
  expect(send.tryWrite(Buffer.from("x"))).toBe(0);
  expect(send.tryWrite(Buffer.from("x"))).toBe(0);
  expect(sink.calls).toEqual(["data hello"]);
  native.commandCapacity = 512;
  fixture.turn();
  expect(sink.calls).toEqual(["data hello", "writable"]);
  fixture.turn();
  expect(sink.calls).toHaveLength(2);
});

test("finish on a full ring is not lost, and a reset behind it stays behind it", () => {
  const { fixture, native, send } = setup();
  native.commandCapacity = 0;
  send.finish();
  fixture.turn();
  expect(native.consume(0)).toEqual([]);
  native.commandCapacity = 512;
  fixture.turn();
  expect(written(fixture)).toMatchObject({ count: 1, fin: true });
});

test("an empty slab falls back to the other class, then stalls until buffers return", () => {
  const { fixture, sink, send } = setup();
  for (let i = 0; i < SMALL_COUNT + LARGE_COUNT; i++) {
    expect(send.tryWrite(Buffer.from("x"))).toBe(1);
  }
  expect(send.tryWrite(Buffer.from("y"))).toBe(0);
  expect(send.reserve(1)).toBeNull();
  expect(written(fixture).count).toBe(SMALL_COUNT + LARGE_COUNT);
  fixture.turn();
  expect(sink.calls.at(-1)).toBe("writable");
  expect(send.tryWrite(Buffer.from("y"))).toBe(1);
});

describe("reserve", () => {
  test("with no large buffer left gives nothing back: that would ring our own bell", () => {
    const { fixture, native, send } = setup();
    for (let i = 0; i < LARGE_COUNT; i++) {
      expect(send.reserve(10_000)).not.toBeNull();
      send.commit(10_000, false);
    }
    let released = 0;
    const release = native.quicd_buffer_release.bind(native);
    native.quicd_buffer_release = (...place) => {
      released++;
      return release(...place);
    };
    expect(send.reserve(10_000)).toBeNull();
    expect(released).toBe(0);
    expect(written(fixture).count).toBe(LARGE_COUNT);
    fixture.turn();
    expect(send.reserve(10_000)).not.toBeNull();
    send.cancel();
  });

  test("commit sends what was written in place", () => {
    const { fixture, send } = setup(100);
    const buffer = send.reserve(10)!;
    expect(buffer.capacity).toBe(100);
    buffer.memory.set(Buffer.from("in place"), buffer.offset);
    send.commit(8, true);
    expect(written(fixture)).toEqual({ count: 1, bytes: Buffer.from("in place"), fin: true });
    fixture.native.expectNoLeases();
  });

  test("cancel, and a commit of nothing, give the buffer back", () => {
    const { fixture, send } = setup();
    send.reserve(10);
    send.cancel();
    send.reserve(3000);
    send.commit(0, true);
    fixture.native.expectNoLeases();
    expect(written(fixture)).toMatchObject({ count: 1, fin: true });
  });

  test("is refused without credit for all of it; one at a time", () => {
    const { native, send } = setup(9);
    expect(send.reserve(10)).toBeNull();
    expect(native.wants).toHaveLength(1);
    send.reserve(9);
    expect(() => send.reserve(1)).toThrow("bug in quicd");
    send.cancel();
  });
});

describe("write", () => {
  test("resolves when all was accepted into credit, in order", async () => {
    const { fixture, native, send } = setup(3);
    const done: string[] = [];
    const writes = [
      send.write(Buffer.from("one")).then(() => done.push("one")),
      send.write(Buffer.from("two")).then(() => done.push("two")),
      send.write(Buffer.from("three"), true).then(() => done.push("three")),
    ];
    await Promise.resolve();
    expect(send.tryWrite(Buffer.from("jumps the queue"))).toBe(0);
    native.setCredit(0, 0, 8);
    writable(fixture);
    native.setCredit(0, 0, 100);
    writable(fixture);
    await Promise.all(writes);
    expect(done).toEqual(["one", "two", "three"]);
    expect(written(fixture)).toMatchObject({ bytes: Buffer.from("onetwothree"), fin: true });
  });

  test("finish waits for promised writes", async () => {
    const { fixture, native, send } = setup(0);
    const write = send.write(Buffer.from("late"));
    send.finish();
    expect(written(fixture).count).toBe(0);
    native.setCredit(0, 0, 4);
    writable(fixture);
    await write;
    expect(written(fixture)).toEqual({ count: 2, bytes: Buffer.from("late"), fin: true });
  });

  test("rejects when the peer stops it, with its code", async () => {
    const { fixture, native, sink, send } = setup(0);
    const write = send.write(Buffer.from("late"));
    native.emit(0, {
      kind: EVENT_STREAM_STOPPED,
      connection: 0,
      connectionGeneration: 1,
      stream: 0,
      streamGeneration: 1,
      errorCode: 77,
    });
    fixture.turn();
    expect(sink.calls.at(-1)).toBe("stopped 77");
    await expect(write).rejects.toMatchObject({ kind: "stopped", code: 77, streamId: 0 });
    await expect(send.write(Buffer.from("x"))).rejects.toMatchObject({ kind: "stopped" });
  });
});

describe("tryWriteChunk", () => {
  test("passes a received chunk by reference, with its lease", () => {
    const { fixture, native, sink, send } = setup();
    sink.keep = true;
    fixture.receive("by reference");
    fixture.turn();
    const chunk = sink.chunks[0]!.slice(3);
    sink.chunks[0]!.release();
    expect(native.leases()).toBe(1);
    expect(send.tryWriteChunk(chunk)).toBe(true);
    native.expectNoLeases();
    expect(() => chunk.release()).toThrow("twice");
    expect(written(fixture).bytes.toString()).toBe("reference");
  });

  test("takes nothing when the whole does not fit", () => {
    const { fixture, native, sink, send } = setup(3);
    sink.keep = true;
    fixture.receive("four");
    fixture.turn();
    const chunk = sink.chunks[0]!;
    expect(send.tryWriteChunk(chunk)).toBe(false);
    expect(chunk.bytes().toString()).toBe(Buffer.from("four").join(","));
    chunk.release();
    native.expectNoLeases();
  });
});

test("onWritable is never called from within a write", () => {
  const { fixture, native, sink, send } = setup(1);
  let depth = 0;
  const write = (stream: RecordingStream) => {
    depth++;
    expect(depth).toBe(1);
    stream.stream.send!.tryWrite(Buffer.from("ab"));
    depth--;
  };
  sink.onWritableHook = () => write(sink);
  write(sink);
  native.setCredit(0, 0, 2);
  writable(fixture);
  expect(native.wants).toHaveLength(2);
  expect(send.credit).toBe(0);
});

test("reset drops what was promised", async () => {
  const { fixture, native, send } = setup(0);
  const write = send.write(Buffer.from("late"));
  send.reset(5);
  await expect(write).rejects.toMatchObject({ kind: "reset", code: 5 });
  const commands = fixture.native.consume(0);
  expect(commands.map((command) => command[COMMAND_KIND_WORD])).toEqual([COMMAND_RESET]);
  native.expectNoLeases();
});
