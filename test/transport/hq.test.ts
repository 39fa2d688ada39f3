/**
 * HTTP/0.9: the request line in every split, files of known and unknown length, and what goes
 * wrong.
 */
import { describe, expect, test } from "bun:test";
import { HqFactory } from "../../src/apps/hq/factory.ts";
import { REQUEST_LINE_MAX, RequestLineReader } from "../../src/apps/hq/request_line.ts";
import {
  COMMAND_ERROR_CODE_WORD,
  COMMAND_FLAGS_WORD,
  COMMAND_KIND_WORD,
  COMMAND_RESET,
  EVENT_CLOSING,
} from "../../src/native/abi.gen.ts";
import type { FileSource } from "../../src/transport/body_source.ts";
import { Fixture, FLAG_FIN, FLAG_OPENED } from "./fixture.ts";

class MemoryFile implements FileSource {
  #position = 0;
  closed = 0;

  constructor(
    readonly bytes: Uint8Array,
    readonly length: number | null = bytes.length,
  ) {}

  read(memory: Uint8Array, offset: number, capacity: number): number {
    const part = this.bytes.subarray(this.#position, this.#position + capacity);
    memory.set(part, offset);
    this.#position += part.length;
    return part.length;
  }

  close(): void {
    this.closed++;
  }
}

function ask(file: FileSource | null, request = "GET /a\r\n", credit = 1 << 20) {
  const paths: string[] = [];
  const fixture = new Fixture(
    new HqFactory((path) => {
      paths.push(path);
      return file;
    }),
  );
  fixture.connect();
  fixture.native.setCredit(0, 0, credit);
  fixture.receive(request, { flags: FLAG_OPENED | FLAG_FIN });
  fixture.turn();
  const commands = fixture.native.consume(0);
  const bytes = Buffer.concat(commands.map((command) => fixture.native.payload(command)));
  const fin = commands.some((command) => command[COMMAND_FLAGS_WORD] === FLAG_FIN);
  const reset = commands.find((command) => command[COMMAND_KIND_WORD] === COMMAND_RESET);
  return { fixture, paths, bytes, fin, resetCode: reset?.[COMMAND_ERROR_CODE_WORD] };
}

describe("request line", () => {
  const line = Buffer.from("GET /a/b?c=1\r\n");

  test.each([...line.keys()])("split after %i bytes", (size) => {
    const reader = new RequestLineReader();
    expect(reader.feed(line, 0, size, false)).toBe("incomplete");
    expect(reader.feed(line, size, line.length - size, false)).toEqual({ path: "/a/b?c=1" });
  });

  test.each(["GET /a", "GET /a\n", "GET /a \r\n"])("%j at the end of a stream", (text) => {
    const bytes = Buffer.from(text);
    expect(new RequestLineReader().feed(bytes, 0, bytes.length, true)).toEqual({ path: "/a" });
  });

  test.each([
    "POST /a\r\n",
    "GET a\r\n",
    "GET\r\n",
    "\r\n",
    `GET /${"a".repeat(REQUEST_LINE_MAX)}`,
  ])("%j is malformed", (text) => {
    const bytes = Buffer.from(text);
    expect(new RequestLineReader().feed(bytes, 0, bytes.length, true)).toBe("malformed");
  });
});

test.each([0, 1, 16_384, 16_385, 40_000])(
  "sends %d bytes of known length, FIN with the last",
  (size) => {
    const file = new MemoryFile(Uint8Array.from({ length: size }, (_, i) => i % 253));
    const { fixture, paths, bytes, fin } = ask(file);
    expect(paths).toEqual(["/a"]);
    expect(bytes.equals(file.bytes)).toBe(true);
    expect(fin).toBe(true);
    expect(file.closed).toBe(1);
    fixture.native.expectNoLeases();
  },
);

test("a file of unknown length ends where it ends", () => {
  const { bytes, fin } = ask(new MemoryFile(new Uint8Array(20_000), null));
  expect([bytes.length, fin]).toEqual([20_000, true]);
});

test("a file that keeps less than it promised resets the stream", () => {
  const file = new MemoryFile(new Uint8Array(10), 11);
  const { fin, resetCode } = ask(file);
  expect([fin, resetCode, file.closed]).toEqual([false, 0x500, 1]);
});

test("no such file, and no such request, are resets", () => {
  expect(ask(null).resetCode).toBe(0x404);
  expect(ask(null, "DELETE /a\r\n").resetCode).toBe(0x400);
});

test("a file that waits for credit is closed with its connection", () => {
  const file = new MemoryFile(new Uint8Array(100));
  const { fixture, bytes } = ask(file, "GET /a\r\n", 10);
  expect([bytes.length, file.closed]).toEqual([10, 0]);
  fixture.native.emit(0, { kind: EVENT_CLOSING, connection: 0, connectionGeneration: 1 });
  fixture.turn();
  expect(file.closed).toBe(1);
  fixture.native.expectNoLeases();
});
