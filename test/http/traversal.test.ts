/**
 * Nothing outside the folder, nothing that is no file, whatever the path looks like.
 *
 * Each path is sent raw, as a hand-made client would, both in origin form and behind a host, and
 * the same table runs over HTTP/0.9's resolver.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { staticFiles } from "../../src/http/static_files.ts";
import { openDescriptors, rawRequest, SampleSite } from "./sample_site.ts";

const site = new SampleSite();
const files = staticFiles(site.root);
afterAll(() => {
  files.close();
  site.remove();
});

const SERVED: [path: string, text: string][] = [
  ["/", "<h1>home</h1>"],
  ["", "<h1>home</h1>"],
  ["/?q=/../x", "<h1>home</h1>"],
  ["/docs/", "<h1>docs</h1>"],
  ["/folder_inside/", "<h1>docs</h1>"],
  ["/digits.txt", "0123456789"],
  ["/digits.txt?a=1#b", "0123456789"],
  ["/%64igits%2etxt", "0123456789"],
  ["/a%20b.txt", "space"],
  ["/k%C3%A4se.txt", "umlaut"],
  ["/100%25.txt", "percent"],
  ["/link_inside.txt", "0123456789"],
  ["/.well-known/security.txt", "known"],
];

const REFUSED: [path: string, status: number][] = [
  ["/missing.txt", 404],
  ["/../outside/secret.txt", 400],
  ["/docs/../../outside/secret.txt", 400],
  ["/..", 400],
  ["/.", 400],
  ["/docs/./index.html", 400],
  ["/%2e%2e/outside/secret.txt", 400],
  ["/.%2e/outside/secret.txt", 400],
  ["/%2E%2E%2Foutside%2Fsecret.txt", 400],
  ["/..%2foutside/secret.txt", 400],
  ["/docs%2findex.html", 400],
  ["/..%5coutside%5csecret.txt", 400],
  ["/..\\outside\\secret.txt", 400],
  ["/%252e%252e/outside/secret.txt", 404],
  ["/digits.txt%00", 400],
  ["/digits.txt%00.html", 400],
  ["/%0d%0aset-cookie:x", 400],
  ["/%", 400],
  ["/%4", 400],
  ["/%zz", 400],
  ["/%c0%ae%c0%ae/outside/secret.txt", 400],
  ["/%c0%af", 400],
  ["/%ff", 400],
  ["/%ed%a0%80", 400],
  ["/käse.txt", 400],
  ["/a b.txt", 400],
  ["//", 404],
  ["//digits.txt", 404],
  ["//evil.example/..", 404],
  ["//evil.example/docs", 404],
  ["/docs//index.html", 404],
  ["/docs//", 404],
  ["/digits.txt/", 404],
  ["/digits.txt/x", 404],
  ["/empty/", 404],
  ["/link_outside.txt", 404],
  ["/folder_outside/secret.txt", 404],
  ["/folder_outside", 404],
  ["/link_absolute", 404],
  ["/link_device", 404],
  ["/loop", 404],
  ["/fifo", 404],
  ["/.env", 404],
  ["/%2eenv", 404],
  ["/.git/config", 404],
  ["/.git", 404],
  ["/.well-known/.secret", 404],
  ["/docs/.well-known/x", 404],
  [`/${"a".repeat(256)}`, 404],
  [`/${"a/".repeat(2500)}`, 404],
];

test.each(SERVED)("%j is served", async (path, text) => {
  const response = files.fetch(rawRequest(`https://example.test${path}`));
  expect(response.status).toBe(200);
  expect(await response.text()).toBe(text);
});

describe.each(REFUSED)("%j is refused", (path, status) => {
  test.each(["", "https://example.test", "http://127.0.0.1:4433"])("behind %j", (origin) => {
    const response = files.fetch(rawRequest(origin + path));
    expect(response.status).toBe(status);
    expect(response.headers.get("etag")).toBeNull();
  });

  test("by HTTP/0.9", () => {
    expect(files.resolveFile(path)).toBeNull();
  });
});

test("dotfiles are served when asked for", async () => {
  const open = staticFiles(site.root, { dotfiles: true, openFiles: 0 });
  expect(await open.fetch(rawRequest("/.env")).text()).toBe("hidden");
  expect(open.fetch(rawRequest("/../outside/secret.txt")).status).toBe(400);
});

describe("a directory without its slash", () => {
  test.each([
    ["/docs", "/docs/"],
    ["/docs?a=1", "/docs/?a=1"],
    ["/%64ocs", "/docs/"],
    ["https://example.test/docs?next=//evil.example", "/docs/?next=//evil.example"],
  ])("%j redirects to %j", (url, location) => {
    const response = files.fetch(rawRequest(url));
    expect(response.status).toBe(308);
    expect(response.headers.get("location")).toBe(location);
  });

  test("has no file for HTTP/0.9", () => {
    expect(files.resolveFile("/docs")).toBeNull();
  });
});

test.each(["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"])("%s is 405", (method) => {
  const response = files.fetch(rawRequest("/digits.txt", {}, method));
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe("GET, HEAD");
});

test("a root that is a link is resolved, and one that is a file is refused", async () => {
  const linked = staticFiles(site.path("folder_inside"));
  expect(await linked.fetch(rawRequest("/")).text()).toBe("<h1>docs</h1>");
  linked.close();
  expect(() => staticFiles(site.path("digits.txt"))).toThrow("is not a directory");
  expect(() => staticFiles(site.path("nowhere"))).toThrow("ENOENT");
});

test("refusals leave no descriptor open", () => {
  files.close();
  for (const [path] of REFUSED) files.fetch(rawRequest(path));
  expect(openDescriptors(site.root)).toBe(0);
});
