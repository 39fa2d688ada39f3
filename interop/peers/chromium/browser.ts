/** Headless Chromium that speaks QUIC with one origin and with nobody else. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

export interface BrowserOptions {
  /** Of the origin; other names do not resolve. */
  url: string;
  /** Base64 SHA-256 of the public key that is trusted, whatever its certificate says. */
  spki: string;
  netLog?: string;
}

export interface Browser {
  context: BrowserContext;
  /** Ends it and removes its profile. */
  close(): Promise<void>;
}

export async function openBrowser({ url, spki, netLog }: BrowserOptions): Promise<Browser> {
  const { host, hostname, port } = new URL(url);
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
      `--origin-to-force-quic-on=${port === "" ? `${host}:443` : host}`,
      `--ignore-certificate-errors-spki-list=${spki}`,
      // Nobody is to be called but the server under test.
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-domain-reliability",
      "--no-first-run",
      "--no-pings",
      "--no-proxy-server",
      `--host-resolver-rules=MAP * ~NOTFOUND, ${excluded(hostname)}`,
      ...(netLog === undefined ? [] : [`--log-net-log=${netLog}`]),
    ],
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, close };
}

function excluded(hostname: string): string {
  const names = new Set(["127.0.0.1", "localhost", "[::1]", hostname]);
  return [...names].map((name) => `EXCLUDE ${name}`).join(", ");
}

function browserPath(): string {
  const noted = join(import.meta.dir, "../../../build/peers/chromium/path");
  if (process.env.QUICD_CHROMIUM !== undefined) return process.env.QUICD_CHROMIUM;
  return existsSync(noted) ? readFileSync(noted, "utf8").trim() : "/usr/bin/chromium";
}
