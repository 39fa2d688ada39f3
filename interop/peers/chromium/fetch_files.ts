#!/usr/bin/env bun
//   bun interop/peers/chromium/fetch_files.ts --spki B64 --downloads DIR https://server4:443/a ...
//
// Fetches files of one origin side by side in headless Chromium over QUIC and writes them into a
// folder. `--spki` is the base64 SHA-256 of the certificate's public key. Exit code 0 when all of
// them came with a status of 200 over h3.
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { openBrowser } from "./browser.ts";

const { values, positionals } = parseArgs({
  options: { spki: { type: "string" }, downloads: { type: "string" } },
  allowPositionals: true,
});
const { spki, downloads } = values;
const [first] = positionals;
if (spki === undefined || downloads === undefined || first === undefined) {
  console.error("flags: --spki BASE64 --downloads FOLDER URL...");
  process.exit(2);
}

interface Fetched {
  status: number;
  protocol: string;
  base64: string;
}

/** Runs in the page, where the types of a browser hold and not Bun's: hence text. */
const inPage = (
  urls: readonly string[],
) => `Promise.all(${JSON.stringify(urls)}.map(async (url) => {
  const response = await fetch(url, { cache: "no-store" });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {
    status: response.status,
    protocol: performance.getEntriesByName(url)[0]?.nextHopProtocol ?? "",
    base64: bytes.toBase64(),
  };
}))`;

const browser = await openBrowser({ url: first, spki });
try {
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  // A page of the server's origin that costs no request: what it fetches is nobody else's then.
  const blank = new URL("/quicd-blank-page", first).href;
  await page.route(blank, (route) => route.fulfill({ contentType: "text/html", body: "" }));
  await page.goto(blank, { timeout: 30_000 });
  const hrefs = positionals.map((url) => new URL(url).href);
  const files = (await page.evaluate(inPage(hrefs))) as Fetched[];
  for (const [at, { status, protocol, base64 }] of files.entries()) {
    const name = basename(new URL(positionals[at]!).pathname);
    writeFileSync(join(downloads, name), Buffer.from(base64, "base64"));
    console.log(`${name}: status ${status}, ${protocol}`);
    if (status !== 200 || protocol !== "h3") process.exitCode = 1;
  }
} finally {
  await browser.close();
}
