/** Lines are whole, safe to look at, and written in batches. */
import { expect, test } from "bun:test";
import { AccessLog } from "../../src/cli/access_log.ts";

class MemorySink {
  text = "";
  flushes = 0;
  write(text: string): void {
    this.text += text;
  }
  flush(): void {
    this.flushes++;
  }
}

const RECORD = {
  method: "GET",
  path: "/index.html",
  status: 200,
  bytes: 1234,
  durationUs: 420,
  connectionId: "9f0c",
};

test("a line has time, method, path, status, bytes, milliseconds and connection", () => {
  const sink = new MemorySink();
  const log = new AccessLog(sink, () => Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  log.record(RECORD);
  log.flush();
  expect(sink.text).toBe("2026-01-02T03:04:05.678Z GET /index.html 200 1234 0.42 9f0c\n");
});

test("a path cannot forge a line or steer the terminal", () => {
  const sink = new MemorySink();
  const log = new AccessLog(sink, () => 0);
  log.record({ ...RECORD, path: "/a\n/b\x1b[2J é" });
  log.flush();
  expect(sink.text).toContain(" /a\\u000a/b\\u001b[2J\\u0020\\u00e9 200 ");
  expect(sink.text.match(/\n/g)).toHaveLength(1);
});

test("many lines are one flush, soon", async () => {
  const sink = new MemorySink();
  const log = new AccessLog(sink);
  for (let count = 0; count < 100; count++) log.record(RECORD);
  expect(sink.flushes).toBe(0);
  await Bun.sleep(300);
  expect(sink.flushes).toBe(1);
  log.flush();
  expect(sink.text.split("\n")).toHaveLength(101);
});

test("lines of another thread's log are written as they are, and soon", async () => {
  const sink = new MemorySink();
  const log = new AccessLog(sink, () => 0);
  log.append("one line\nanother\n");
  expect([sink.text, sink.flushes]).toEqual(["one line\nanother\n", 0]);
  while (sink.flushes === 0) await Bun.sleep(10);
});

test("bytes that nobody counted are a dash", () => {
  const sink = new MemorySink();
  new AccessLog(sink, () => 0).record({ ...RECORD, bytes: null });
  expect(sink.text).toContain(" 200 - 0.42 ");
});
