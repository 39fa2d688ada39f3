/** Events to sinks: order, stale generations, ends, failures; no lease is left behind. */
import { describe, expect, spyOn, test } from "bun:test";
import {
  COMMAND_CLOSE,
  COMMAND_DATAGRAM,
  COMMAND_KIND_WORD,
  COMMAND_OPEN,
  COMMAND_REQUEST_ID_WORD,
  COMMAND_RESET,
  COMMAND_SLAB_WORD,
  COMMAND_STOP,
  EVENT_CLOSED,
  EVENT_CLOSING,
  EVENT_DATAGRAM,
  EVENT_OPEN_REFUSED,
  EVENT_STREAM_DATA,
  EVENT_STREAM_OPENED,
  EVENT_STREAM_RESET,
  REFUSED_LIMIT,
} from "../../src/native/abi.gen.ts";
import { Fixture, FLAG_FIN, FLAG_OPENED, RecordingStream } from "./fixture.ts";

const OURS = { connection: 0, connectionGeneration: 1 };

function kinds(fixture: Fixture): number[] {
  return fixture.native.consume(0).map((command) => command[COMMAND_KIND_WORD]!);
}

test("a peer's stream: opened, data in order, fin", () => {
  const fixture = new Fixture();
  const connection = fixture.connect();
  fixture.receive("one", { flags: FLAG_OPENED });
  fixture.receive("two");
  fixture.receive("", { flags: FLAG_FIN });
  fixture.turn();
  expect(connection.calls).toEqual(["stream 0"]);
  expect(connection.streams[0]!.calls).toEqual(["data one", "data two", "data  fin"]);
  fixture.native.expectNoLeases();
});

describe("stale events are ignored and their buffers given back", () => {
  test.each([
    [
      "an older connection",
      { connection: 0, connectionGeneration: 0, stream: 0, streamGeneration: 1 },
    ],
    ["a free slot", { connection: 3, connectionGeneration: 1, stream: 0, streamGeneration: 1 }],
    ["an older stream", { ...OURS, stream: 0, streamGeneration: 0 }],
    ["no such stream", { ...OURS, stream: 5, streamGeneration: 1 }],
  ])("%s", (_name, place) => {
    const fixture = new Fixture();
    fixture.connect();
    const stream = fixture.openStream();
    fixture.native.emit(0, { kind: EVENT_STREAM_DATA, ...place, bytes: Buffer.from("stale") });
    fixture.native.emit(0, {
      kind: EVENT_DATAGRAM,
      ...place,
      connectionGeneration: 9,
      bytes: Buffer.from("d"),
    });
    fixture.turn();
    expect(stream.calls).toEqual(["data hello"]);
    fixture.native.expectNoLeases();
  });

  test("a CONNECTED whose slot is another connection's already", () => {
    const fixture = new Fixture();
    fixture.native.connect(0, 0, 2);
    fixture.native.emit(0, { kind: 1, connection: 0, connectionGeneration: 1 });
    fixture.turn();
    expect(fixture.connections).toHaveLength(0);
    expect(fixture.dispatcher.liveConnections).toBe(0);
  });

  test.each([
    ["CLOSING", [EVENT_CLOSING]],
    ["CLOSED", [EVENT_CLOSING, EVENT_CLOSED]],
  ])("what comes of the same connection after %s", (_name, ends) => {
    const fixture = new Fixture();
    const connection = fixture.connect();
    const stream = fixture.openStream();
    for (const kind of ends) fixture.native.emit(0, { kind, ...OURS });
    fixture.turn();
    const before = [...connection.calls, ...stream.calls];
    fixture.receive("late");
    fixture.native.emit(0, { kind: EVENT_DATAGRAM, ...OURS, bytes: Buffer.from("late") });
    for (const kind of ends) fixture.native.emit(0, { kind, ...OURS });
    fixture.turn();
    expect([...connection.calls, ...stream.calls]).toEqual(before);
    fixture.native.expectNoLeases();
  });

  test("data after our own stop", () => {
    const fixture = new Fixture();
    fixture.connect();
    const sink = fixture.openStream();
    sink.stream.stop(9);
    fixture.receive("late");
    fixture.turn();
    expect(sink.calls).toEqual(["data hello"]);
    expect(kinds(fixture)).toEqual([COMMAND_STOP]);
    fixture.native.expectNoLeases();
  });
});

test("a stream that ended on both sides leaves, and its slot serves the next generation", () => {
  const fixture = new Fixture();
  const connection = fixture.connect();
  const first = fixture.openStream(0, 100, FLAG_FIN);
  first.stream.send!.tryWrite(Buffer.from("x"), true);
  fixture.native.emit(0, {
    kind: EVENT_STREAM_DATA,
    ...OURS,
    stream: 0,
    streamGeneration: 2,
    streamId: 4,
    flags: FLAG_OPENED,
    bytes: Buffer.from("next"),
  });
  fixture.turn();
  expect(connection.calls).toEqual(["stream 0", "stream 4"]);
  expect(first.calls).toEqual(["data hello fin"]);
  expect(connection.streams[1]!.calls).toEqual(["data next"]);
});

test("CLOSING ends streams first, then the connection; CLOSED frees the slot", () => {
  const fixture = new Fixture();
  const connection = fixture.connect();
  const sink = fixture.openStream();
  fixture.native.emit(0, { kind: EVENT_CLOSING, ...OURS });
  fixture.turn();
  expect(sink.calls.at(-1)).toBe("connection closed");
  expect(connection.calls.at(-1)).toBe("closed by peer");
  expect(connection.connection.open).toBe(false);
  expect(fixture.dispatcher.liveConnections).toBe(1);
  fixture.native.emit(0, { kind: EVENT_CLOSED, ...OURS });
  fixture.turn();
  expect(fixture.dispatcher.liveConnections).toBe(0);
  expect(connection.calls.filter((call) => call.startsWith("closed"))).toHaveLength(1);
});

describe("a sink that throws", () => {
  test("in a stream loses the stream", () => {
    const log = spyOn(console, "error").mockImplementation(() => {});
    const fixture = new Fixture();
    const connection = fixture.connect();
    connection.onStreamHook = (stream) => {
      stream.failOnData = true;
    };
    fixture.openStream();
    expect(kinds(fixture)).toEqual([COMMAND_STOP, COMMAND_RESET]);
    expect(connection.connection.open).toBe(true);
    expect(log).toHaveBeenCalledTimes(1);
    fixture.native.expectNoLeases();
    log.mockRestore();
  });

  test("in a connection loses the connection", () => {
    const log = spyOn(console, "error").mockImplementation(() => {});
    const fixture = new Fixture();
    const connection = fixture.connect();
    connection.onDatagramHook = () => {
      throw new Error("on purpose");
    };
    fixture.native.emit(0, { kind: EVENT_DATAGRAM, ...OURS, bytes: Buffer.from("d") });
    fixture.turn();
    const commands = fixture.native.consume(0);
    expect(commands.map((command) => command[COMMAND_KIND_WORD])).toEqual([COMMAND_CLOSE]);
    expect(Buffer.from(fixture.native.payload(commands[0]!)).toString()).toBe("application failed");
    fixture.native.expectNoLeases();
    log.mockRestore();
  });
});

test("a peer's reset closes its side only", () => {
  const fixture = new Fixture();
  fixture.connect();
  const sink = fixture.openStream();
  fixture.native.emit(0, {
    kind: EVENT_STREAM_RESET,
    ...OURS,
    stream: 0,
    streamGeneration: 1,
    errorCode: 12,
  });
  fixture.turn();
  expect(sink.calls.at(-1)).toBe("reset 12");
  expect(sink.stream.send!.tryWrite(Buffer.from("x"))).toBe(1);
});

test("opens are answered by request id, and refused ones too", () => {
  const fixture = new Fixture();
  const { connection } = fixture.connect();
  const answers: string[] = [];
  const open = () =>
    connection.openStream(false, (stream) => {
      answers.push(stream === null ? "refused" : `stream ${stream.id}`);
      return stream === null ? null : new RecordingStream(stream);
    });
  open();
  open();
  open();
  const [first, second] = fixture.native.consume(0);
  expect(first![COMMAND_KIND_WORD]).toBe(COMMAND_OPEN);
  const id = (command: number[]) => command[COMMAND_REQUEST_ID_WORD]!;
  fixture.native.emit(0, {
    kind: EVENT_OPEN_REFUSED,
    ...OURS,
    requestId: id(second!),
    errorCode: REFUSED_LIMIT,
  });
  fixture.native.emit(0, {
    kind: EVENT_STREAM_OPENED,
    ...OURS,
    requestId: id(first!),
    stream: 3,
    streamGeneration: 1,
    streamId: 3,
  });
  fixture.native.emit(0, { kind: EVENT_CLOSING, ...OURS });
  fixture.turn();
  expect(answers).toEqual(["refused", "stream 3", "refused"]);
});

test("a datagram goes back by reference", () => {
  const fixture = new Fixture();
  const connection = fixture.connect();
  connection.onDatagramHook = (chunk) => {
    expect(typeof connection.connection.sendDatagram(chunk)).toBe("number");
  };
  fixture.native.emit(0, { kind: EVENT_DATAGRAM, ...OURS, bytes: Buffer.from("ping") });
  fixture.turn();
  const [command] = fixture.native.consume(0);
  expect(command![COMMAND_KIND_WORD]).toBe(COMMAND_DATAGRAM);
  expect(command![COMMAND_SLAB_WORD]).toBe(0);
  expect(Buffer.from(fixture.native.payload(command!)).toString()).toBe("ping");
  fixture.native.expectNoLeases();
});

test("sendDatagram answers fullness, size and lack of support as values", () => {
  const fixture = new Fixture();
  const { connection } = fixture.connect();
  expect(connection.sendDatagram(new Uint8Array(1201))).toBe("too-large");
  fixture.native.commandCapacity = 0;
  expect(connection.sendDatagram(new Uint8Array(1))).toBe("channel-full");
  fixture.native.connect(0, 0, 1, 0);
  expect(connection.sendDatagram(new Uint8Array(1))).toBe("unsupported");
  fixture.native.expectNoLeases();
});

test("shutdown tells every connection, and those that come later", () => {
  const fixture = new Fixture();
  const first = fixture.connect();
  fixture.dispatcher.shutDown();
  expect(first.calls).toEqual(["shutdown"]);
  const second = fixture.connect(1);
  expect(second.calls).toEqual(["shutdown"]);
});

test("close ends every connection for its application; late calls do nothing", () => {
  const fixture = new Fixture();
  const connection = fixture.connect();
  connection.onStreamHook = (stream) => {
    stream.keep = true;
  };
  const sink = fixture.openStream();
  fixture.dispatcher.close();
  expect(sink.calls.at(-1)).toBe("connection closed");
  expect(connection.calls.at(-1)).toBe("closed by local");
  expect(sink.stream.send!.tryWrite(Buffer.from("late"))).toBe(0);
  connection.connection.close(1);
  expect(connection.connection.sendDatagram(new Uint8Array(1))).toBe("unsupported");
  sink.chunks[0]!.release();
  expect(fixture.native.consume(0)).toEqual([]);
});
