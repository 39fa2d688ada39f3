/**
 * Load against servers nobody here wrote: every answer is theirs and right, and those that count
 * have counted what we did.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BenchCertificate } from "../../bench/certificate.ts";
import { Subject } from "../../bench/subject.ts";
import { makeFiles, startServer } from "../../interop/h3spec/run.ts";
import { type H3Server, SERVERS, type ServerFiles } from "../../interop/h3spec/servers.ts";
import { quicGoServerRefusal } from "../support/foreign_server.ts";
import { skipReason } from "../support/peer.ts";
import { loaded, planTo } from "./case.ts";

/** Seconds, on a machine of one's own. */
setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), "quicd-load-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** With a line for each request. */
function logging(nginx: H3Server): H3Server {
  return {
    ...nginx,
    command(port, files) {
      const command = nginx.command(port, files);
      const path = join(files.logs, "nginx.conf");
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace("access_log off", `access_log ${files.logs}/access.log`));
      return command;
    },
  };
}

/** Requests that the server says it had; null: it does not count. */
const COUNTS: Record<string, (files: ServerFiles) => number> = {
  nginx: ({ logs }) => readFileSync(join(logs, "access.log"), "utf8").split("\n").length - 1,
};

function refusalOf({ name, missing }: H3Server): string | null {
  return missing() ?? (name === "quic_go" ? quicGoServerRefusal() : null);
}

const FOREIGN = SERVERS.filter(({ name }) => ["nginx", "quic_go", "ngtcp2"].includes(name));

describe.each(FOREIGN.map((server) => [server.name, server] as const))("%s", (name, server) => {
  test.skipIf(skipReason(refusalOf(server)))("answers what it was asked", async () => {
    const files = makeFiles(mkdtempSync(join(folder, "at-")));
    const body = crypto.getRandomValues(new Uint8Array(20_000));
    writeFileSync(join(files.folder, "file.bin"), body);
    const running = await startServer(name === "nginx" ? logging(server) : server, files);
    try {
      const shape = { url: `https://127.0.0.1:${running.port}/file.bin`, operations: 200 };
      const report = await loaded(
        planTo(running, { ...shape, expect: { kind: "content", content: body } }),
      );
      expect(report).toMatchObject({ operations: 200, errors: {} });
      expect(report.receivedBytes).toBe(200 * body.length);
      const missing = await loaded(planTo(running, { ...shape, url: `${shape.url}.not` }));
      expect(missing.errors).toEqual({ "status 404": 200 });
      const shakes = { mode: "handshakes", connections: 2, operations: 20 } as const;
      expect(await loaded(planTo(running, shakes))).toMatchObject({ operations: 20, errors: {} });
    } finally {
      await running.stop();
    }
    const counted = COUNTS[name]?.(files);
    if (counted !== undefined) expect(counted).toBe(400);
  });
});

test("Bun.serve counts as many as we do, uploads and downloads whole", async () => {
  using certificate = new BenchCertificate();
  const server = await Subject.start({
    ...{ name: "Bun.serve", file: "bun_fetch.ts", workers: 1, backend: "auto", cpus: null },
    ...{ certPath: certificate.certPath, keyPath: certificate.keyPath },
  });
  const seen = async () => (await server.places())[0]!.requests!;
  const at = (path: string) => ({ url: `https://${server.address}${path}` });
  try {
    const text = Buffer.from("7?n=7&q=x");
    const small = { ...at("/?n=7&q=x"), expect: { kind: "content", content: text } } as const;
    expect(await loaded(planTo(server, small))).toMatchObject({ operations: 300, errors: {} });
    expect(await seen()).toBe(300);
    const large = { ...at("/bulk?bytes=1000000"), operations: 20 };
    const down = planTo(server, { ...large, mode: "download", expect: { kind: "pattern" } });
    expect(await loaded(down)).toMatchObject({ receivedBytes: 20_000_000, errors: {} });
    const answer = { kind: "content", content: Buffer.from("500000") } as const;
    const body = { method: "POST", payloadBytes: 500_000, operations: 20, expect: answer };
    const up = planTo(server, { ...at("/upload"), ...body, mode: "upload" });
    expect(await loaded(up)).toMatchObject({ sentBytes: 10_000_000, errors: {} });
    expect(await seen()).toBe(340);
  } finally {
    await server.stop();
  }
});
