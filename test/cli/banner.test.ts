/** What is said at the start, and where it may be coloured. */
import { describe, expect, test } from "bun:test";
import { type BannerFacts, bannerText, chromiumLine, urlsOf } from "../../src/cli/banner.ts";
import { styleFor } from "../../src/cli/style.ts";

const MIB = 1024 * 1024;
const PLAIN = styleFor({ isTTY: false }, {});

const FACTS: BannerFacts = {
  version: "1.2.3",
  serving: "./public",
  host: "127.0.0.1",
  port: 4433,
  backend: "syscalls",
  backendNote: "io_uring is not allowed here",
  routing: "kernel hash",
  routingNote: "",
  workers: 2,
  pinned: true,
  gro: true,
  gso: true,
  receiveBufferBytes: 4 * MIB,
  sendBufferBytes: 4 * MIB,
  askedBufferBytes: 4 * MIB,
  appThreads: 0,
  alpns: ["h3", "echo"],
  development: null,
  warnings: [],
};

test("the banner tells what was chosen and granted, and where to go", () => {
  expect(bannerText(FACTS, PLAIN)).toMatchInlineSnapshot(`
    "quicd 1.2.3
      serving     ./public
      protocols   h3 echo
      backend     syscalls; io_uring is not allowed here
      routing     kernel hash
      workers     2, each on its CPU
      app threads main thread
      buffers     receive 4 MiB, send 4 MiB granted per worker
      offload     GRO GSO

      https://localhost:4433/

    "
  `);
});

test("a development certificate comes with its pins and a browser's command line", () => {
  const development = {
    path: "development.pem",
    sha256Hex: "00ff",
    sha256Base64: "AP8=",
    publicKeyPin: "cGlu",
  };
  const text = bannerText({ ...FACTS, development }, PLAIN);
  const lines = text.slice(text.indexOf("  https://")).trimEnd().split("\n");
  expect(lines.slice(0, -1).join("\n")).toMatchInlineSnapshot(`
    "  https://localhost:4433/

      development certificate (development.pem)
      SHA-256 for WebTransport's serverCertificateHashes:
        base64    AP8=
        hex       00ff
      public key pin, and a Chromium that accepts it:
        pin       cGlu"
  `);
  expect(lines.at(-1)).toBe(`    ${chromiumLine("cGlu", 4433)}`);
});

test("Chromium gets the port that was chosen", () => {
  expect(chromiumLine("PIN", 4433)).toBe(
    "chromium --origin-to-force-quic-on=localhost:4433 " +
      "--ignore-certificate-errors-spki-list=PIN https://localhost:4433/",
  );
});

test("too little socket memory is a warning with its remedy", () => {
  const text = bannerText({ ...FACTS, receiveBufferBytes: 212_992, warnings: ["old"] }, PLAIN);
  expect(text).toContain("warning     old\n");
  expect(text).toContain("less than the 4 MiB asked");
  expect(text).toContain("sysctl -w net.core.rmem_max=4194304");
});

test.each([
  ["127.0.0.1", ["https://localhost:1/"]],
  ["::1", ["https://localhost:1/"]],
  ["localhost", ["https://localhost:1/"]],
  ["10.0.0.1", ["https://10.0.0.1:1/"]],
  ["2001:db8::1", ["https://[2001:db8::1]:1/"]],
])("%s is reached at %j", (host, urls) => {
  expect(urlsOf(host, 1)).toEqual(urls);
});

test("all addresses are reached at localhost first", () => {
  expect(urlsOf("::", 1)[0]).toBe("https://localhost:1/");
});

describe("colours", () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [undefined, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
  ])("on a terminal: %p, with %j: %p", (isTTY, env, coloured) => {
    expect(styleFor({ isTTY }, env).bold("x") !== "x").toBe(coloured);
  });
});
