/** Ranges (RFC 9110 §14), and bodies read in pieces from a file that may change meanwhile. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { truncateSync, unlinkSync } from "node:fs";
import { contentType } from "../../src/http/content_type.ts";
import { staticFiles } from "../../src/http/static_files.ts";
import type { FileSource } from "../../src/transport/body_source.ts";
import { openDescriptors, rawRequest, SampleSite, TEXT } from "./sample_site.ts";

const site = new SampleSite();
const attached = new WeakMap<Response, FileSource>();
const files = staticFiles(site.root, {
  openFiles: 2,
  attach: (response, source) => attached.set(response, source),
});
afterEach(() => {
  files.close();
  expect(openDescriptors(site.root)).toBe(0);
});
afterAll(() => site.remove());

/** Reads into the middle of a larger memory, `step` bytes at a time, and closes. */
function drain(source: FileSource, step = 3): string | "failed" {
  const memory = new Uint8Array(64).fill(0x2a);
  let text = "";
  for (;;) {
    const taken = source.read(memory, 7, step);
    expect(memory.subarray(0, 7).every((byte) => byte === 0x2a)).toBe(true);
    expect(memory[7 + step]).toBe(0x2a);
    if (taken <= 0) {
      source.close();
      return taken === 0 ? text : "failed";
    }
    text += new TextDecoder().decode(memory.subarray(7, 7 + taken));
  }
}

function get(path: string, fields: Record<string, string> = {}) {
  const response = files.fetch(rawRequest(path, fields));
  const source = attached.get(response);
  return { response, source, text: () => (source === undefined ? null : drain(source)) };
}

const WHOLE = [
  "",
  "bytes",
  "bytes=",
  "bytes=-",
  "bytes=a-b",
  "bytes=5",
  "bytes=5-4",
  "bytes=1-2-3",
  "bytes=+1-2",
  "bytes=0x1-2",
  "bytes=1.5-2",
  "bytes = 0-1",
  "items=0-1",
  "bytes=0-1,3-4",
  "bytes=0-1,99-",
];

describe("Range", () => {
  test.each([
    ["bytes=0-0", "0", "bytes 0-0/10"],
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["BYTES=2-4", "234", "bytes 2-4/10"],
    ["bytes=0-9", TEXT, "bytes 0-9/10"],
    ["bytes=0-99", TEXT, "bytes 0-9/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=9-9", "9", "bytes 9-9/10"],
    [`bytes=9-${"9".repeat(400)}`, "9", "bytes 9-9/10"],
    ["bytes=-1", "9", "bytes 9-9/10"],
    ["bytes=-10", TEXT, "bytes 0-9/10"],
    ["bytes=-99", TEXT, "bytes 0-9/10"],
    ["bytes=00000-0001", "01", "bytes 0-1/10"],
  ])("%s is 206 with %j", (range, text, contentRange) => {
    const { response, text: body } = get("/digits.txt", { range });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(contentRange);
    expect(response.headers.get("content-length")).toBe(String(text.length));
    expect(body()).toBe(text);
  });

  test.each(WHOLE)("%j is ignored: 200 with everything", (range) => {
    const { response, text } = get("/digits.txt", { range });
    expect(response.status).toBe(200);
    expect(response.headers.has("content-range")).toBe(false);
    expect(text()).toBe(TEXT);
  });

  test.each(["bytes=10-", "bytes=10-20", "bytes=-0", `bytes=${"9".repeat(400)}-`])(
    "%s is 416",
    (range) => {
      const { response, source } = get("/digits.txt", { range });
      expect(response.status).toBe(416);
      expect(response.headers.get("content-range")).toBe("bytes */10");
      expect(source).toBeUndefined();
    },
  );

  test.each([
    ["bytes=0-", 416],
    ["bytes=-0", 416],
    ["bytes=-5", 200],
  ])("of an empty file, %s is %i", (range, status) => {
    expect(get("/nothing.bin", { range }).response.status).toBe(status);
  });
});

describe("a body", () => {
  test("has its length, type and fields", () => {
    const { response, source, text } = get("/digits.txt");
    expect(source?.length).toBe(10);
    expect(Object.fromEntries(response.headers)).toEqual({
      "accept-ranges": "bytes",
      "content-length": "10",
      "content-type": "text/plain; charset=utf-8",
      etag: expect.any(String),
      "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
      "x-content-type-options": "nosniff",
    });
    expect(text()).toBe(TEXT);
  });

  test("of an empty file is none", () => {
    const { response, source } = get("/nothing.bin");
    expect(response.headers.get("content-length")).toBe("0");
    expect(source).toBeUndefined();
  });

  test("fails once the file shrank, and never sends less in silence", () => {
    site.write("shrinking.txt", TEXT);
    const { source } = get("/shrinking.txt");
    const memory = new Uint8Array(4);
    expect(source?.read(memory, 0, 4)).toBe(4);
    truncateSync(site.path("shrinking.txt"), 5);
    expect(source?.read(memory, 0, 4)).toBe(1);
    expect(source?.read(memory, 0, 4)).toBe(-1);
    source?.close();
    source?.close();
    expect(source?.read(memory, 0, 4)).toBe(-1);
  });

  test("ends at the promised length when the file grew", () => {
    site.write("growing.txt", TEXT);
    const { text } = get("/growing.txt");
    site.write("growing.txt", `${TEXT}${TEXT}`);
    expect(text()).toBe(TEXT);
  });

  test("goes on from the opened file after it was removed or evicted", () => {
    site.write("removed.txt", TEXT);
    const { text } = get("/removed.txt");
    unlinkSync(site.path("removed.txt"));
    for (const path of ["/index.html", "/docs/", "/a%20b.txt"]) get(path).source?.close();
    expect(get("/removed.txt").response.status).toBe(404);
    expect(text()).toBe(TEXT);
  });

  test("of HTTP/0.9 is the same", () => {
    const source = files.resolveFile("/docs/");
    expect(source === null ? null : drain(source)).toBe("<h1>docs</h1>");
  });

  test("as a web stream is closed at its end and when cancelled", async () => {
    const streaming = staticFiles(site.root, { openFiles: 0 });
    expect(await streaming.fetch(rawRequest("/digits.txt")).text()).toBe(TEXT);
    await streaming.fetch(rawRequest("/digits.txt")).body?.cancel();
  });
});

test("no more descriptors stay open than asked for", () => {
  for (const path of ["/digits.txt", "/index.html", "/docs/", "/a%20b.txt", "/digits.txt"]) {
    expect(get(path).text()).not.toBe("failed");
    expect(openDescriptors(site.root)).toBeLessThanOrEqual(2);
  }
  const busy = ["/digits.txt", "/index.html", "/docs/"].map((path) => get(path));
  expect(openDescriptors(site.root)).toBe(3);
  for (const { source } of busy) source?.close();
  expect(openDescriptors(site.root)).toBe(2);
});

test.each([
  ["/a/b.html", "text/html; charset=utf-8"],
  ["/B.JS", "text/javascript; charset=utf-8"],
  ["/b.mjs", "text/javascript; charset=utf-8"],
  ["/b.css", "text/css; charset=utf-8"],
  ["/b.json", "application/json"],
  ["/b.svg", "image/svg+xml"],
  ["/b.wasm", "application/wasm"],
  ["/favicon.ico", "image/x-icon"],
  ["/b.m3u8", "application/vnd.apple.mpegurl"],
  ["/b.tar.gz", "application/gzip"],
  ["/a.html/README", "application/octet-stream"],
  ["/b.unheard-of", "application/octet-stream"],
  ["/b.", "application/octet-stream"],
  ["/b.constructor", "application/octet-stream"],
])("%s is %s", (path, type) => {
  expect(contentType(path)).toBe(type);
});
