/** Echo over the fake native side: by reference, in order, with what does not fit kept back. */
import { expect, test } from "bun:test";
import { EchoFactory } from "../../src/apps/echo/factory.ts";
import {
  COMMAND_FLAGS_WORD,
  COMMAND_KIND_WORD,
  COMMAND_SLAB_WORD,
  COMMAND_WRITE,
  EVENT_CLOSING,
  EVENT_STREAM_WRITABLE,
} from "../../src/native/abi.gen.ts";
import { Fixture, FLAG_FIN, FLAG_OPENED } from "./fixture.ts";

function setup(credit: number) {
  const factory = new EchoFactory();
  const fixture = new Fixture(factory);
  fixture.connect();
  fixture.native.setCredit(0, 0, credit);
  return { factory, fixture, native: fixture.native };
}

function sent(fixture: Fixture) {
  const writes = fixture.native
    .consume(0)
    .filter((command) => command[COMMAND_KIND_WORD] === COMMAND_WRITE);
  return {
    text: writes.map((command) => Buffer.from(fixture.native.payload(command)).toString()).join(""),
    slabs: [...new Set(writes.map((command) => command[COMMAND_SLAB_WORD]))],
    fin: writes.some((command) => command[COMMAND_FLAGS_WORD] === FLAG_FIN),
  };
}

function writable(fixture: Fixture, credit: number): void {
  fixture.native.setCredit(0, 0, credit);
  const stream = { stream: 0, streamGeneration: 1 };
  const connection = { connection: 0, connectionGeneration: 1 };
  fixture.native.emit(0, { kind: EVENT_STREAM_WRITABLE, ...connection, ...stream });
  fixture.turn();
}

test("what came goes back from the slab it came in", () => {
  const { factory, fixture, native } = setup(1 << 20);
  fixture.receive("one ", { flags: FLAG_OPENED });
  fixture.receive("two", { flags: FLAG_FIN });
  fixture.turn();
  expect(sent(fixture)).toEqual({ text: "one two", slabs: [0], fin: true });
  expect(factory.counters).toMatchObject({ streams: 1, bytes: 7 });
  native.expectNoLeases();
});

test.each([1, 3, 4, 6, 7])(
  "with %d bytes of credit at first, the rest waits its turn",
  (credit) => {
    const { fixture, native } = setup(credit);
    fixture.receive("one ", { flags: FLAG_OPENED });
    fixture.receive("two", { flags: FLAG_FIN });
    fixture.turn();
    const first = sent(fixture);
    expect(first.text).toBe("one two".slice(0, credit));
    writable(fixture, 100);
    const rest = sent(fixture);
    expect(first.text + rest.text).toBe("one two");
    expect(rest.fin || first.fin).toBe(true);
    native.expectNoLeases();
  },
);

test("a connection that ends gives back what waited", () => {
  const { fixture, native } = setup(0);
  fixture.receive("never", { flags: FLAG_OPENED });
  fixture.turn();
  expect(native.leases()).toBe(1);
  native.emit(0, { kind: EVENT_CLOSING, connection: 0, connectionGeneration: 1 });
  fixture.turn();
  native.expectNoLeases();
});
