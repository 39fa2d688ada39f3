/**
 * A browser: headless Chromium loads a page with 20 subresources, every one of them over HTTP/3.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PageReport } from "../../interop/peers/chromium/load_page.ts";
import { LARGE_BYTES, LOADED_TITLE, SUBRESOURCES, writePage } from "../support/page_fixture.ts";
import { peerMissing, ROOT, run } from "../support/peer.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

describe.skipIf(peerMissing("chromium"))("Chromium", () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;
  beforeAll(async () => {
    folder = new TemporaryFolder();
    writePage(folder.path);
    server = await ServerProcess.start({ target: folder.path });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
    folder?.[Symbol.dispose]();
  });

  test("loads a page with 20 subresources over HTTP/3", async () => {
    const screenshot = join(ROOT, "build/e2e/chromium.png");
    mkdirSync(join(screenshot, ".."), { recursive: true });
    const driver = join(ROOT, "interop/peers/chromium/load_page.ts");
    const flags = ["--url", `${server.url}/`, "--spki", server.certificate.spki];
    const outcome = await run([process.execPath, driver, ...flags, "--screenshot", screenshot], 60);
    expect(`${outcome.exitCode} ${outcome.stderr}`).toBe("0 ");
    const report = JSON.parse(outcome.stdout) as PageReport;
    console.log(
      `Chromium ${report.browser}: ${report.resources.length} subresources, ${report.title}`,
    );
    expect(report.consoleErrors).toEqual([]);
    expect(report.protocol).toBe("h3");
    expect(report.resources.filter((resource) => resource.protocol !== "h3")).toEqual([]);
    expect(report.resources.length).toBe(SUBRESOURCES);
    expect(report.resources.find((found) => found.name === "/large.bin")?.bytes).toBe(LARGE_BYTES);
    expect(report.brokenImages).toBe(0);
    expect(report.title).toBe(LOADED_TITLE);
    expect(existsSync(screenshot) && statSync(screenshot).size).toBeGreaterThan(10_000);
  }, 90_000);
});
