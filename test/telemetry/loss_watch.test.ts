/** What is said about datagrams that the kernel dropped, and how often. */
import { expect, test } from "bun:test";
import { LossWatch } from "../../src/telemetry/loss_watch.ts";

function watched() {
  const lines: string[] = [];
  const state = { drops: 0 };
  const watch = new LossWatch({
    drops: () => state.drops,
    receiveBufferBytes: 212_992,
    warn: (line) => lines.push(line),
  });
  return { lines, state, watch };
}

test("no loss, no word", () => {
  const { lines, watch } = watched();
  watch.look(0);
  watch.look(1e9);
  expect(lines).toEqual([]);
});

test("a loss is told with its number and what to do", () => {
  const { lines, state, watch } = watched();
  state.drops = 17;
  watch.look(0);
  expect(lines).toEqual([
    "quicd: 17 datagrams were lost since the socket buffers (212992 bytes) were full. Remedy: " +
      "sysctl -w net.core.rmem_max=425984 and netio.socket_buffer_bytes = 425984, or more workers",
  ]);
});

test("once a minute, with what came together meanwhile", () => {
  const { lines, state, watch } = watched();
  state.drops = 1;
  watch.look(0);
  state.drops = 5;
  watch.look(59_999);
  expect(lines).toHaveLength(1);
  state.drops = 8;
  watch.look(60_000);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toStartWith("quicd: 7 datagrams");
  watch.look(1e9);
  expect(lines).toHaveLength(2);
});
