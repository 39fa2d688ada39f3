/** The overflow queue: nothing that must not be lost is lost, and nothing overtakes it. */
import { expect, test } from "bun:test";
import {
  COMMAND_ERROR_CODE_WORD,
  COMMAND_NOP,
  COMMAND_REQUEST_ID_WORD,
} from "../../src/native/abi.gen.ts";
import { CommandPort } from "../../src/transport/command_port.ts";
import { FakeNative } from "./fake_native.ts";

function setup(capacity: number) {
  const native = new FakeNative(1);
  native.commandCapacity = capacity;
  const seen = { commits: 0, turns: 0 };
  const port = new CommandPort(0, native.attachment.commandRings[0]!, {
    committed: () => seen.commits++,
    turnSoon: () => seen.turns++,
  });
  const nop = (requestId: number, errorCode = 0) => ({
    kind: COMMAND_NOP,
    connection: 0,
    connectionGeneration: 1,
    requestId,
    errorCode,
  });
  const ids = () => native.consume(0).map((command) => command[COMMAND_REQUEST_ID_WORD]);
  return { native, port, seen, nop, ids };
}

test("commands that meet a full ring wait in order, and later ones wait behind them", () => {
  const { port, seen, nop, ids } = setup(2);
  for (let id = 1; id <= 5; id++) port.post(nop(id));
  expect(port.waiting).toBe(3);
  expect(seen.turns).toBe(3);
  expect(ids()).toEqual([1, 2]);

  expect(port.tryPost(nop(9))).toBe(false);
  expect(port.reserve()).toBe(-1);
  expect(port.flush()).toBe(false);
  expect(ids()).toEqual([3, 4]);
  expect(port.flush()).toBe(true);
  port.post(nop(6));
  expect(ids()).toEqual([5, 6]);
  expect(seen.commits).toBe(6);
});

test("a reserved entry stays the same until it is committed", () => {
  const { port } = setup(4);
  const first = port.reserve();
  expect(port.reserve()).toBe(first);
  port.words.fill(0, first, first + 16);
  port.commit();
  expect(port.reserve()).not.toBe(first);
});

test.each([0, 1, 0xffffffff, 0x100000000, 2 ** 53 - 1])(
  "error code %d keeps its 64 bits",
  (code) => {
    const { native, port, nop } = setup(4);
    port.post(nop(1, code));
    const command = native.consume(0)[0]!;
    const low = command[COMMAND_ERROR_CODE_WORD]!;
    expect(low + command[COMMAND_ERROR_CODE_WORD + 1]! * 2 ** 32).toBe(code);
  },
);
