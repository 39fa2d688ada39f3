#!/usr/bin/env bun
//   bun interop/peers/chromium/load_page.ts --help
//   bun interop/peers/chromium/load_page.ts --url https://[::1]:4433/ --spki B64
//   bun interop/peers/chromium/load_page.ts --url https://[::1]:4433/ --spki B64 --screenshot p.png
//
// Loads one page in headless Chromium over QUIC and prints, as JSON, by which protocol each part of
// it came. `--spki` is the base64 SHA-256 of the certificate's public key, the only reason why the
// browser trusts it.
import { parseArgs } from "node:util";
import { openBrowser } from "./browser.ts";

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
const netLog = values["net-log"];
const browser = await openBrowser({ url, spki, ...(netLog === undefined ? {} : { netLog }) });
const { context } = browser;

try {
  const page = context.pages()[0] ?? (await context.newPage());
  const consoleErrors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") consoleErrors.push(message.text());
  });
  await page.goto(url, { waitUntil: "networkidle", timeout: 30_000 });
  const seen = (await page.evaluate(IN_PAGE)) as Omit<PageReport, "browser" | "consoleErrors">;
  if (values.screenshot !== undefined) await page.screenshot({ path: values.screenshot });
  const version = context.browser()?.version() ?? "";
  const report: PageReport = { browser: version, ...seen, consoleErrors };
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
}
