/** Turns, parking and kicks: bounded drains, one kick per burst, the doorbell armed last. */
import { expect, test } from "bun:test";
import { EVENT_STREAM_DATA } from "../../src/native/abi.gen.ts";
import { EVENTS_PER_TURN, Wakeup } from "../../src/native/wakeup.ts";
import { FakeNative } from "./fake_native.ts";

const tick = () => new Promise((resolve) => setImmediate(resolve));

function setup(onEvent: (wakeup: Wakeup, worker: number) => void = () => {}) {
  const native = new FakeNative(2, 1024);
  const seen: number[] = [];
  const { calls, handle, eventRings } = native.attachment;
  const wakeup: Wakeup = new Wakeup(calls, handle, eventRings, {
    onEvent: (worker) => {
      seen.push(worker);
      onEvent(wakeup, worker);
    },
    onTurnEnd: () => false,
  });
  const emit = (worker: number, count = 1) => {
    for (let i = 0; i < count; i++) {
      native.emit(worker, { kind: EVENT_STREAM_DATA, connection: 0, connectionGeneration: 0 });
    }
  };
  return { native, wakeup, seen, emit };
}

test("at most 256 events between two turns of the event loop", async () => {
  const { native, wakeup, seen, emit } = setup();
  emit(0, 200);
  emit(1, 400);
  wakeup.bell();
  expect(seen).toHaveLength(EVENTS_PER_TURN);
  expect(seen).toContain(1);
  await Promise.resolve().then().then().then().then();
  expect(seen).toHaveLength(EVENTS_PER_TURN);
  for (let i = 0; i < 4; i++) await tick();
  expect(seen).toHaveLength(600);
  expect(native.parks).toBeGreaterThan(0);
});

test("the doorbell is armed last: what comes during the microtasks needs no ring", async () => {
  const { native, wakeup, seen, emit } = setup();
  emit(0);
  wakeup.bell();
  expect(native.parks).toBe(0);
  emit(1);
  await tick();
  expect(seen).toEqual([0, 1]);
  expect(native.parks).toBe(1);
});

test("commits within a turn: one kick per worker at its end", () => {
  const { native, wakeup, emit } = setup((self, worker) => self.committed(worker));
  emit(0, 3);
  emit(1, 3);
  wakeup.bell();
  expect(native.kicks.toSorted()).toEqual([0, 1]);
});

test("commits of promise-based handlers share one kick", async () => {
  const { native, wakeup, emit } = setup((self, worker) => {
    const handler = async () => {
      await null;
      self.committed(worker);
    };
    void handler();
  });
  emit(0, 50);
  wakeup.bell();
  expect(native.kicks).toEqual([]);
  await tick();
  expect(native.kicks).toEqual([0]);
});

test("a commit while parked is kicked without an event", async () => {
  const { native, wakeup } = setup();
  wakeup.bell();
  expect(native.parks).toBe(1);
  wakeup.committed(1);
  wakeup.committed(1);
  expect(native.kicks).toEqual([]);
  await tick();
  expect(native.kicks).toEqual([1]);
});

test("after close nothing happens", async () => {
  const { wakeup, seen, emit } = setup();
  wakeup.close();
  emit(0);
  wakeup.bell();
  await tick();
  expect(seen).toEqual([]);
});
