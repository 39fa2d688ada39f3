/** A folder to serve, made anew for each test file, with everything that may not get out of it. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TEXT = "0123456789";
/** Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples. */
export const MODIFIED_SECONDS = 784111777;
export const MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT";

export class SampleSite {
  readonly #parent = mkdtempSync(join(tmpdir(), "quicd-site-"));
  readonly root = join(this.#parent, "site");

  constructor() {
    for (const folder of ["site/docs", "site/empty", "site/.git", "site/.well-known", "outside"]) {
      mkdirSync(join(this.#parent, folder), { recursive: true });
    }
    this.write("index.html", "<h1>home</h1>");
    this.write("docs/index.html", "<h1>docs</h1>");
    this.write("digits.txt", TEXT);
    this.write("nothing.bin", "");
    this.write("a b.txt", "space");
    this.write("käse.txt", "umlaut");
    this.write("100%.txt", "percent");
    this.write(".env", "hidden");
    this.write(".git/config", "hidden");
    this.write(".well-known/security.txt", "known");
    this.write(".well-known/.secret", "hidden");
    this.write("../outside/secret.txt", "secret");
    this.write("../site-sibling.txt", "secret");
    this.link("digits.txt", "link_inside.txt");
    this.link("../outside/secret.txt", "link_outside.txt");
    this.link("../outside", "folder_outside");
    this.link("docs", "folder_inside");
    this.link("/etc/passwd", "link_absolute");
    this.link("/dev/zero", "link_device");
    this.link("loop", "loop");
    Bun.spawnSync(["mkfifo", join(this.root, "fifo")]);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.root, name), text);
    utimesSync(join(this.root, name), MODIFIED_SECONDS, MODIFIED_SECONDS);
  }

  link(target: string, name: string): void {
    symlinkSync(target, join(this.root, name));
  }

  path(name: string): string {
    return join(this.root, name);
  }

  remove(): void {
    rmSync(this.#parent, { recursive: true, force: true });
  }
}

/** A request whose URL reaches the code as it stands here: `new Request` would normalize it. */
export function rawRequest(url: string, fields: Record<string, string> = {}, method = "GET") {
  return { method, url, headers: new Headers(fields) };
}

/** Descriptors of this process that lead beneath `folder`. */
export function openDescriptors(folder: string): number {
  let count = 0;
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)) count++;
    } catch {
      /* The descriptor of the listing itself is gone by now. */
    }
  }
  return count;
}
