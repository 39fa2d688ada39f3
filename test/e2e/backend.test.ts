/**
 * The ways to the kernel: each on request, io_uring by itself where it is allowed. Elsewhere the
 * network tests run on both (test/runner/groups.ts); here is what makes sure that they do.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Backend, requireBackend } from "../support/backend.ts";
import { makeFixture } from "../support/fixture.ts";
import { skipReason } from "../support/peer.ts";
import { ServerProcess } from "../support/server_process.ts";

const fixture = makeFixture("backend", [100_000]);
const file = fixture.files[0];

/** Of an answer over HTTP/3 by Bun's own client. */
async function hashFrom({ port }: ServerProcess): Promise<string> {
  // `protocol` is too new for the types.
  const init: object = { protocol: "http3", tls: { rejectUnauthorized: false } };
  const response = await fetch(`https://127.0.0.1:${port}/${file?.name}`, init);
  return new Bun.CryptoHasher("sha256").update(await response.arrayBuffer()).digest("hex");
}

async function start(backend: Backend | "auto"): Promise<ServerProcess | string> {
  try {
    return await ServerProcess.start({ target: fixture.folder, backend });
  } catch (error) {
    return String(error);
  }
}

describe("a server", () => {
  const servers = new Map<string, ServerProcess | string>();
  beforeAll(async () => {
    for (const backend of ["io_uring", "syscalls", "auto"] as const) {
      servers.set(backend, await start(backend));
    }
  });
  afterAll(async () => {
    for (const server of servers.values()) {
      if (typeof server !== "string") expect(await server.stop()).toBe(0);
    }
  });

  function running(name: string): ServerProcess {
    const server = servers.get(name);
    if (server instanceof ServerProcess) return server;
    throw new Error(`no server with the backend ${name}: ${server}`);
  }

  test("runs on plain system calls when it is told to", async () => {
    expect(running("syscalls").backend).toBe("syscalls");
    expect(await hashFrom(running("syscalls"))).toBe(file?.sha256 ?? "");
  });

  test("runs on io_uring when it is told to, or says why not and what else there is", async () => {
    const refusal = servers.get("io_uring");
    if (typeof refusal === "string") {
      expect(refusal).toContain('use backend "syscalls"');
      skipReason("io_uring is not allowed here");
      return;
    }
    expect(running("io_uring").backend).toBe("io_uring");
    expect(await hashFrom(running("io_uring"))).toBe(file?.sha256 ?? "");
  });

  test("prefers io_uring when nobody says anything", async () => {
    const allowed = typeof servers.get("io_uring") !== "string";
    expect(running("auto").backend).toBe(allowed ? "io_uring" : "syscalls");
    expect(await hashFrom(running("auto"))).toBe(file?.sha256 ?? "");
  });
});

test("a server on another backend than was asked for is an error of the test", () => {
  requireBackend("syscalls", "syscalls");
  requireBackend("auto", "io_uring");
  requireBackend(undefined, "io_uring");
  expect(() => requireBackend("syscalls", "io_uring")).toThrow("asked for the backend syscalls");
});
