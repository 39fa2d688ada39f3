/**
 * Conditional requests over the order of RFC 9110 §13.2.2: each row is one set of conditions, so
 * that a later step which wrongly overrides an earlier one shows.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import { entityTag, parseTags } from "../../src/http/entity_tag.ts";
import { formatHttpDate, parseHttpDate } from "../../src/http/http_date.ts";
import { staticFiles } from "../../src/http/static_files.ts";
import { MODIFIED, MODIFIED_SECONDS, rawRequest, SampleSite } from "./sample_site.ts";

const site = new SampleSite();
const files = staticFiles(site.root);
afterAll(() => {
  files.close();
  site.remove();
});

const TAG = files.fetch(rawRequest("/digits.txt")).headers.get("etag") ?? "";
const BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER = "Sun, 06 Nov 1994 08:49:38 GMT";

const TABLE: [fields: Record<string, string>, status: number][] = [
  [{}, 200],
  /* Step 1: If-Match, strong comparison. */
  [{ "if-match": "*" }, 200],
  [{ "if-match": TAG }, 200],
  [{ "if-match": `"x", ${TAG}` }, 200],
  [{ "if-match": `"x" , , ${TAG},` }, 200],
  [{ "if-match": `W/${TAG}` }, 412],
  [{ "if-match": '"x"' }, 412],
  [{ "if-match": "no tag" }, 412],
  /* Step 2: If-Unmodified-Since, only without If-Match. */
  [{ "if-unmodified-since": MODIFIED }, 200],
  [{ "if-unmodified-since": AFTER }, 200],
  [{ "if-unmodified-since": BEFORE }, 412],
  [{ "if-unmodified-since": "yesterday" }, 200],
  [{ "if-match": TAG, "if-unmodified-since": BEFORE }, 200],
  [{ "if-match": '"x"', "if-unmodified-since": AFTER }, 412],
  /* Step 3: If-None-Match, weak comparison. */
  [{ "if-none-match": "*" }, 304],
  [{ "if-none-match": TAG }, 304],
  [{ "if-none-match": `W/${TAG}` }, 304],
  [{ "if-none-match": `"a,b", W/"c",${TAG}` }, 304],
  [{ "if-none-match": '"x"' }, 200],
  [{ "if-none-match": "garbage" }, 200],
  [{ "if-match": '"x"', "if-none-match": TAG }, 412],
  [{ "if-match": TAG, "if-none-match": TAG }, 304],
  [{ "if-unmodified-since": BEFORE, "if-none-match": TAG }, 412],
  /* Step 4: If-Modified-Since, only without If-None-Match. */
  [{ "if-modified-since": MODIFIED }, 304],
  [{ "if-modified-since": AFTER }, 304],
  [{ "if-modified-since": BEFORE }, 200],
  [{ "if-modified-since": "yesterday" }, 200],
  [{ "if-modified-since": `${AFTER}, ${AFTER}` }, 200],
  [{ "if-none-match": '"x"', "if-modified-since": AFTER }, 200],
  [{ "if-none-match": TAG, "if-modified-since": BEFORE }, 304],
  /* Step 5: Range and If-Range, after all others. */
  [{ range: "bytes=0-1" }, 206],
  [{ range: "bytes=0-1", "if-none-match": TAG }, 304],
  [{ range: "bytes=0-1", "if-match": '"x"' }, 412],
  [{ range: "bytes=99-", "if-none-match": TAG }, 304],
  [{ range: "bytes=0-1", "if-range": TAG }, 206],
  [{ range: "bytes=0-1", "if-range": '"x"' }, 200],
  [{ range: "bytes=0-1", "if-range": `W/${TAG}` }, 200],
  [{ range: "bytes=0-1", "if-range": `${TAG}, ${TAG}` }, 200],
  [{ range: "bytes=0-1", "if-range": MODIFIED }, 206],
  [{ range: "bytes=0-1", "if-range": AFTER }, 200],
  [{ range: "bytes=0-1", "if-range": BEFORE }, 200],
  [{ range: "bytes=0-1", "if-range": "yesterday" }, 200],
  [{ range: "bytes=99-", "if-range": '"x"' }, 200],
  [{ "if-range": '"x"' }, 200],
];

describe.each(TABLE)("%j", (fields, status) => {
  test(`GET is ${status}`, async () => {
    const response = files.fetch(rawRequest("/digits.txt", fields));
    expect(response.status).toBe(status);
    const text = await response.text();
    if (status === 304) expect(text).toBe("");
    if (status === 304) expect(response.headers.get("etag")).toBe(TAG);
    if (status === 200) expect(text).toBe("0123456789");
  });

  test("HEAD has the status and fields of GET, without Range (RFC 9110 §14.2)", async () => {
    const { range, "if-range": _, ...unranged } = fields;
    const got = files.fetch(rawRequest("/digits.txt", unranged));
    const head = files.fetch(rawRequest("/digits.txt", fields, "HEAD"));
    expect(head.status).toBe(got.status);
    expect([...head.headers]).toEqual([...got.headers]);
    expect(await head.text()).toBe("");
    await got.text();
  });
});

describe("validators", () => {
  test("the tag is strong, and weak while the file is younger than a second", () => {
    expect(TAG).toMatch(/^"[0-9a-z]+-[0-9a-z]+-[0-9a-z]+"$/);
    const nowMs = MODIFIED_SECONDS * 1000 + 999;
    const young = staticFiles(site.root, { now: () => nowMs });
    const response = young.fetch(rawRequest("/digits.txt"));
    expect(response.headers.get("etag")).toBe(`W/${TAG}`);
    const fields = { range: "bytes=0-1", "if-range": MODIFIED };
    expect(young.fetch(rawRequest("/digits.txt", fields)).status).toBe(200);
    young.close();
  });

  test("Last-Modified is never later than now (RFC 9110 §8.8.2.1)", () => {
    const early = staticFiles(site.root, { now: () => 0 });
    const response = early.fetch(rawRequest("/digits.txt"));
    expect(response.headers.get("last-modified")).toBe("Thu, 01 Jan 1970 00:00:00 GMT");
    early.close();
  });

  test("a change of size, time or inode changes the tag", () => {
    const tags = [
      [1n, 2n, 3n],
      [2n, 2n, 3n],
      [1n, 3n, 3n],
      [1n, 2n, 4n],
    ].map(([size = 0n, time = 0n, inode = 0n]) => entityTag(size, time, inode).opaque);
    expect(new Set(tags).size).toBe(tags.length);
  });

  test("a file that is touched or replaced is served with a new tag at once", async () => {
    site.write("changing.txt", "one");
    const first = files.fetch(rawRequest("/changing.txt"));
    expect(await first.text()).toBe("one");
    site.write("changing.txt", "two");
    utimesSync(site.path("changing.txt"), 1, 1);
    const second = files.fetch(rawRequest("/changing.txt"));
    expect(await second.text()).toBe("two");
    expect(second.headers.get("etag")).not.toBe(first.headers.get("etag"));
  });
});

test.each([
  ["", []],
  [", ,", []],
  ['"a"', [{ opaque: "a", weak: false }]],
  [
    'W/"a" , "b,c"',
    [
      { opaque: "a", weak: true },
      { opaque: "b,c", weak: false },
    ],
  ],
  ['""', [{ opaque: "", weak: false }]],
  ['w/"a"', null],
  ['"a" "b"', null],
  ['"a', null],
  ['"a b"', null],
])("tags %j parse to %j (RFC 9110 §8.8.3)", (value, tags) => {
  expect(parseTags(value)).toEqual(tags);
});

test.each([
  ["Sun, 06 Nov 1994 08:49:37 GMT", MODIFIED_SECONDS],
  ["Sunday, 06-Nov-94 08:49:37 GMT", MODIFIED_SECONDS],
  ["Sun Nov  6 08:49:37 1994", MODIFIED_SECONDS],
  ["Saturday, 01-Jan-77 00:00:00 GMT", Date.UTC(1977, 0, 1) / 1000],
  ["Sunday, 06-Nov-60 08:49:37 GMT", Date.UTC(2060, 10, 6, 8, 49, 37) / 1000],
  ["Sun, 06 Nov 1994 08:49:37", null],
  ["Sun, 6 Nov 1994 08:49:37 GMT", null],
  ["Sun, 31 Feb 1994 08:49:37 GMT", null],
  ["Sun, 06 Nov 1994 24:00:00 GMT", null],
  ["1994-11-06T08:49:37Z", null],
  ["0", null],
])("the date %j is %j (RFC 9110 §5.6.7)", (text, seconds) => {
  expect(parseHttpDate(text, Date.UTC(2026, 0, 1))).toBe(seconds);
});

test("a date is written as it is read", () => {
  expect(formatHttpDate(MODIFIED_SECONDS * 1000 + 999)).toBe(MODIFIED);
});
