#!/usr/bin/env bun
//   bun interop/peers/chromium/load_page.ts --help
//   bun interop/peers/chromium/load_page.ts --url https://[::1]:4433/ --spki B64
//   bun interop/peers/chromium/load_page.ts --url https://[::1]:4433/ --spki B64 --screenshot p.png
//
// Loads one page in headless Chromium over QUIC and prints, as JSON, by which protocol each part of
// it came. `--spki` is the base64 SHA-256 of the certificate's public key, the only reason why the
// browser trusts it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

export interface PageReport {
  browser: string;
  title: string;
  /** The document itself. */
  protocol: string;
  resources: { name: string; protocol: string; bytes: number }[];
  /** Images that did not decode. */
  brokenImages: number;
  consoleErrors: string[];
}

/** Runs in the page, where the types of a browser hold and not Bun's: hence text. */
const IN_PAGE = `({
  title: document.title,
  protocol: performance.getEntriesByType("navigation")[0].nextHopProtocol,
  resources: performance.getEntriesByType("resource").map((entry) => ({
    name: new URL(entry.name).pathname,
    protocol: entry.nextHopProtocol,
    bytes: entry.decodedBodySize,
  })),
  brokenImages: [...document.images].filter((image) => image.naturalWidth === 0).length,
})`;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    spki: { type: "string" },
    screenshot: { type: "string" },
    "net-log": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help || values.url === undefined || values.spki === undefined) {
  console.log("flags: --url URL --spki BASE64 [--screenshot FILE.png] [--net-log FILE.json]");
  process.exit(values.help ? 0 : 2);
}

const { url, spki } = values;
const profile = mkdtempSync(join(tmpdir(), "quicd-chromium-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: browserPath(),
  headless: true,
  timeout: 30_000,
  // Playwright's own list has none that turns QUIC off, but Debian's or a user's could.
  ignoreDefaultArgs: ["--disable-quic"],
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-quic",
    // QUIC from the first packet: a browser else needs an Alt-Svc over TCP, and nothing listens
    // there.
    `--origin-to-force-quic-on=${new URL(url).host}`,
    `--ignore-certificate-errors-spki-list=${spki}`,
    // Nobody is to be called but the server under test.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
    "--no-first-run",
    "--no-pings",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]",
    ...(values["net-log"] === undefined ? [] : [`--log-net-log=${values["net-log"]}`]),
  ],
});

try {
  const page = context.pages()[0] ?? (await context.newPage());
  const consoleErrors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") consoleErrors.push(message.text());
  });
  await page.goto(url, { waitUntil: "networkidle", timeout: 30_000 });
  const seen = (await page.evaluate(IN_PAGE)) as Omit<PageReport, "browser" | "consoleErrors">;
  if (values.screenshot !== undefined) await page.screenshot({ path: values.screenshot });
  const browser = context.browser()?.version() ?? "";
  const report: PageReport = { browser, ...seen, consoleErrors };
  console.log(JSON.stringify(report));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}

function browserPath(): string {
  const noted = join(import.meta.dir, "../../../build/peers/chromium/path");
  if (process.env.QUICD_CHROMIUM !== undefined) return process.env.QUICD_CHROMIUM;
  return existsSync(noted) ? readFileSync(noted, "utf8").trim() : "/usr/bin/chromium";
}
