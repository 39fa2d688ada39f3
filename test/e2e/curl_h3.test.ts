/**
 * curl with HTTP/3 (ngtcp2 and nghttp3), a client nobody here wrote: files, ranges, uploads,
 * errors.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Fixture, hashFile, makeFixture } from "../support/fixture.ts";
import { curl, peerMissing } from "../support/peer.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

const LARGE = 100_000_000;

interface Head {
  protocol: string;
  status: number;
  bytes: number;
  header(name: string): string | undefined;
}

/** One request whose body goes to `into`; what the head said. */
async function request(into: string, url: string, ...flags: string[]): Promise<Head> {
  const heads = `${into}.head`;
  const format = "%{http_version} %{response_code} %{size_download}";
  const outcome = await curl("-o", into, "-D", heads, "-w", format, ...flags, url);
  expect(outcome.stderr).toBe("");
  const [protocol = "", status = "", bytes = ""] = outcome.stdout.split(" ");
  const text = await Bun.file(heads).text();
  return {
    protocol,
    status: Number(status),
    bytes: Number(bytes),
    header: (name) => new RegExp(`^${name}: (.*?)\\r?$`, "im").exec(text)?.[1],
  };
}

describe.skipIf(peerMissing("curl"))("curl over HTTP/3", () => {
  let fixture: Fixture;
  let files: ServerProcess;
  let app: ServerProcess;
  let temporary: TemporaryFolder;
  let out: string;
  beforeAll(async () => {
    fixture = makeFixture("curl", [0, 1, 1200, 65_537, 3_000_001, LARGE]);
    files = await ServerProcess.start({ target: fixture.folder });
    app = await ServerProcess.start({ target: join(import.meta.dir, "apps/test_app.ts") });
    temporary = new TemporaryFolder();
    out = temporary.join("out");
  });
  afterAll(async () => {
    expect(await files?.stop()).toBe(0);
    expect(await app?.stop()).toBe(0);
    temporary?.[Symbol.dispose]();
  });

  const fileOf = (bytes: number) => {
    const file = fixture.files.find((candidate) => candidate.bytes === bytes);
    if (file === undefined) throw new Error(`no fixture of ${bytes} bytes`);
    return file;
  };

  test("GET: every file whole, with type and ETag", async () => {
    for (const file of fixture.files) {
      const head = await request(out, `${files.url}/${file.name}`);
      expect(head.protocol).toBe("3");
      expect(head.status).toBe(200);
      expect(head.header("content-length")).toBe(`${file.bytes}`);
      expect(head.header("etag")).toBeDefined();
      expect(await hashFile(out)).toBe(file.sha256);
    }
  });

  test("HEAD: the length, and no body", async () => {
    const file = fileOf(65_537);
    const head = await request(out, `${files.url}/${file.name}`, "--head");
    expect(head.status).toBe(200);
    expect(head.header("content-length")).toBe("65537");
    const body = Bun.file(out);
    // With --head curl writes the header lines as its output; a body would follow the empty line.
    expect((await body.text()).split("\r\n\r\n").at(-1)).toBe("");
  });

  test("ranges: from the middle, the end, and beyond", async () => {
    const file = fileOf(3_000_001);
    const whole = await Bun.file(join(fixture.folder, file.name)).bytes();
    const middle = await request(out, `${files.url}/${file.name}`, "--range", "1000000-1999999");
    expect(middle.status).toBe(206);
    expect(middle.header("content-range")).toBe("bytes 1000000-1999999/3000001");
    expect(await Bun.file(out).bytes()).toEqual(whole.subarray(1_000_000, 2_000_000));
    expect((await request(out, `${files.url}/${file.name}`, "--range", "-5")).status).toBe(206);
    expect(await Bun.file(out).bytes()).toEqual(whole.subarray(-5));
    const beyond = await request(out, `${files.url}/${file.name}`, "--range", "3000001-");
    expect(beyond.status).toBe(416);
    expect(beyond.header("content-range")).toBe("bytes */3000001");
  });

  test("a known ETag is 304, an unknown path 404, another method 405", async () => {
    const url = `${files.url}/${fileOf(1200).name}`;
    const etag = (await request(out, url)).header("etag") ?? "";
    expect((await request(out, url, "-H", `if-none-match: ${etag}`)).status).toBe(304);
    expect((await request(out, `${files.url}/nothing-here`)).status).toBe(404);
    const denied = await request(out, url, "-X", "DELETE");
    expect(denied.status).toBe(405);
    expect(denied.header("allow")).toContain("GET");
  });

  test("nothing outside the folder", async () => {
    for (const path of ["/../package.json", "/%2e%2e/%2e%2e/package.json", "//etc/passwd"]) {
      const head = await request(out, `${files.url}${path}`, "--path-as-is");
      expect(head.status).toBeWithin(400, 500);
    }
  });

  test("an upload of 100 MB arrives whole", async () => {
    const file = fileOf(LARGE);
    const head = await request(out, `${app.url}/count`, "-T", join(fixture.folder, file.name));
    expect(head.status).toBe(200);
    expect(await Bun.file(out).json()).toEqual({ bytes: LARGE, sha256: file.sha256 });
  }, 60_000);

  test("a body is echoed while it is being sent", async () => {
    const file = fileOf(3_000_001);
    const path = join(fixture.folder, file.name);
    const head = await request(out, `${app.url}/echo`, "--data-binary", `@${path}`);
    expect(head.status).toBe(200);
    expect(await hashFile(out)).toBe(file.sha256);
  });

  test("every answer is its own, on one connection", async () => {
    const urls = Array.from({ length: 50 }, (_, i) => `${app.url}/hello?q=${i}`);
    const outcome = await curl("-w", " %{num_connects}\n", ...urls);
    const lines = outcome.stdout.trim().split("\n");
    expect(lines.length).toBe(50);
    const sequence = lines.map((line) => Number(line.split(" ")[0]));
    expect(new Set(sequence).size).toBe(50);
    lines.forEach((line, i) => expect(line).toMatch(new RegExp(`\\+ \\?q=${i} [01]$`)));
    expect(lines.filter((line) => line.endsWith(" 1")).length).toBe(1);
  });

  test("a handler that throws is a 500 that tells nothing, and ends nothing", async () => {
    const head = await request(out, `${app.url}/throw`);
    expect(head.status).toBe(500);
    expect(await Bun.file(out).text()).not.toContain("secret");
    expect((await request(out, `${app.url}/`)).header("x-test")).toBe("1");
  });
});
