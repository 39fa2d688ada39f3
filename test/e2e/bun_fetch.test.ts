/**
 * Bun's own client (lsquic): `fetch(url, { protocol: "http3" })`. Needs no peer to be installed.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Fixture, makeFixture } from "../support/fixture.ts";
import { ServerProcess } from "../support/server_process.ts";

/** `protocol` is too new for the types. */
interface Http3Init extends RequestInit {
  protocol: "http3";
  tls: { rejectUnauthorized: boolean };
}

function get(url: string, init: RequestInit = {}): Promise<Response> {
  const options: Http3Init = { ...init, protocol: "http3", tls: { rejectUnauthorized: false } };
  return fetch(url, options);
}

function sha256(bytes: ArrayBuffer): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

describe("Bun's fetch over HTTP/3", () => {
  let fixture: Fixture;
  let files: ServerProcess;
  let app: ServerProcess;
  beforeAll(async () => {
    fixture = makeFixture("bun-fetch", [0, 1, 1200, 70_000, 5_000_000, 20_000_000]);
    files = await ServerProcess.start({ target: fixture.folder });
    app = await ServerProcess.start({ target: join(import.meta.dir, "apps/test_app.ts") });
  });
  afterAll(async () => {
    expect(await files?.stop()).toBe(0);
    expect(await app?.stop()).toBe(0);
  });

  test("files come whole, all at once", async () => {
    await Promise.all(
      fixture.files.map(async (file) => {
        const response = await get(`${files.url}/${file.name}`);
        expect(response.status).toBe(200);
        expect(sha256(await response.arrayBuffer())).toBe(file.sha256);
      }),
    );
  });

  test("500 requests at a time: each gets its own answer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const response = await get(`${app.url}/hello?q=${i}`);
        return { i, text: await response.text() };
      }),
    );
    for (const { i, text } of answers) expect(text).toEndWith(` + ?q=${i}`);
    expect(new Set(answers.map(({ text }) => text.split(" ")[0])).size).toBe(500);
  });

  test("bodies go up and come back", async () => {
    const body = crypto.getRandomValues(new Uint8Array(65_536));
    const large = new Uint8Array(3_000_000).fill(7);
    for (const sent of [body, large]) {
      const response = await get(`${app.url}/echo`, { method: "POST", body: sent });
      expect(sha256(await response.arrayBuffer())).toBe(sha256(sent.buffer));
    }
  });

  test("HEAD, 404 and a thrown error", async () => {
    const file = fixture.files[3];
    const head = await get(`${files.url}/${file?.name}`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(`${file?.bytes}`);
    expect((await get(`${files.url}/none`)).status).toBe(404);
    expect((await get(`${app.url}/throw`)).status).toBe(500);
    expect(await (await get(`${app.url}/`)).text()).toBe("test app");
  });
});
