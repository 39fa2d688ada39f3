/** Options of `connect`: what is refused, and how that is said; failures in words. */
import { describe, expect, test } from "bun:test";
import { handshakeFailure, moreTelling, notStarted } from "../../src/client/error.ts";
import { type ConnectOptions, checkOptions } from "../../src/client/options.ts";
import { REFUSED_CLOSED, REFUSED_LIMIT, REFUSED_SYSTEM } from "../../src/native/abi.gen.ts";
import type { CloseInfo } from "../../src/transport/app.ts";

const GOOD: ConnectOptions = { host: "example.org", port: 4433, alpn: "h3" };

describe("refused with option, value and remedy", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ host: "" }, 'host = "" must be a name or an address'],
    [{ host: 5 }, "host = 5 must be"],
    [{ port: 0 }, "port = 0 must be an integer from 1 to 65535"],
    [{ port: 65_536 }, "port = 65536"],
    [{ port: "443" }, 'port = "443"'],
    [{ alpn: [] }, "alpn =  must be a name of 1 to 255 bytes"],
    [{ alpn: "" }, 'alpn = "" must be'],
    [{ alpn: "x".repeat(256) }, "alpn = "],
    [{ session: "abc" }, 'session = "abc" must be the bytes'],
    [{ earlyData: 1 }, "earlyData = 1 must be true or false"],
    [{ socket: "mine" }, 'socket = "mine" must be "shared" or "own"'],
    [{ idleTimeoutMs: 0 }, "idleTimeoutMs = 0 must be"],
    [{ handshakeTimeoutMs: 1.5 }, "handshakeTimeoutMs = 1.5"],
    [{ keepAliveMs: -1 }, "keepAliveMs = -1"],
    [{ tls: { verify: "no" } }, 'tls.verify = "no" must be true or false'],
    [{ tls: { ciphers: [] } }, "tls.ciphers =  must be a list of some of TLS_AES_128_GCM_SHA256"],
    [{ tls: { ciphers: ["AES"] } }, "tls.ciphers = AES must be"],
    [{ initialRttMs: 0 }, "initialRttMs = 0 must be an integer from 1 to 60000"],
    [{ streamWindowBytes: 1 }, "streamWindowBytes = 1 must be an integer from 16384"],
    [{ tls: { ca: "/nowhere.pem" } }, "tls.ca is neither PEM text nor a file"],
    [{ tls: { cert: "-----BEGIN" } }, "tls.cert and tls.key belong together"],
    [{ tls: { serverName: "x".repeat(256) } }, "at most 255 bytes long"],
  ])("%j", async (wrong, text) => {
    await expect(checkOptions({ ...GOOD, ...wrong } as ConnectOptions)).rejects.toThrow(text);
  });
});

test("what is left out has its default", async () => {
  expect(await checkOptions(GOOD)).toEqual({
    ...{ host: "example.org", port: 4433, serverName: "example.org", keylogPath: "" },
    ...{ session: null, earlyData: false, ownSocket: false, followPreferred: true },
    ...{ handshakeTimeoutMs: 10_000, keepAliveMs: 0 },
    profile: {
      ...{ alpn: ["h3"], caPem: "", verify: true, certificatePem: "", privateKeyPem: "" },
      ...{ earlyData: false, congestion: "cubic", maxIdleTimeoutMs: 30_000 },
      ciphers: [],
      version: "any",
    },
  });
});

test.each([
  ["[::1]", "::1"],
  ["fe80::1%eth0", "fe80::1"],
  ["example.org.", "example.org"],
])("the name of %s is %s", async (host, name) => {
  expect((await checkOptions({ ...GOOD, host })).serverName).toBe(name);
});

describe("how a handshake ended, in words", () => {
  const info = (changes: Partial<CloseInfo>): CloseInfo => ({
    ...{ by: "peer", application: false, code: 0, reason: "" },
    ...changes,
  });
  test.each<[Partial<CloseInfo>, string, string]>([
    [
      { by: "local", code: 0x100 + 48 },
      "certificate",
      "not trusted (TLS alert 48 of ours, unknown",
    ],
    [{ by: "local", code: 0x100 + 45 }, "certificate", "certificate expired"],
    [{ code: 0x100 + 120 }, "alpn", "no common application protocol"],
    [{ code: 0x100 + 116 }, "client-certificate", "certificate required"],
    [{ code: 0x100 + 42 }, "client-certificate", "the client's certificate is refused"],
    [{ code: 0x100 + 40 }, "tls", "TLS alert 40 of the server's, handshake failure"],
    [{ code: 0x100 + 1 }, "tls", "without a name"],
    [{ code: 2 }, "refused", "the server refuses new connections"],
    [
      { by: "local", code: 8, reason: "x" },
      "transport",
      "this side with TRANSPORT_PARAMETER_ERROR: x",
    ],
    [{ code: 0x99 }, "transport", "by the server with 0x99"],
    [{ by: "timeout" }, "timeout", "no answer in time"],
    [{ application: true, code: 0x101 }, "application", "application code 0x101"],
  ])("%j", (changes, reason, text) => {
    const error = handshakeFailure(info(changes), "there:1");
    expect(error).toMatchObject({ name: "ConnectError", reason, by: changes.by ?? "peer" });
    expect(error.message).toStartWith("cannot connect to there:1: ");
    expect(error.message).toContain(text);
  });

  test.each<[number, number, string, string]>([
    [REFUSED_SYSTEM, 101, "unreachable", "ENETUNREACH"],
    [REFUSED_SYSTEM, 4095, "unreachable", "errno 4095"],
    [REFUSED_LIMIT, 0, "local", "as many connections"],
    [REFUSED_CLOSED, 0, "local", "was closed"],
  ])("refusal %d, errno %d", (refusal, errno, reason, text) => {
    const error = notStarted(refusal, errno, "there:1");
    expect(error.reason).toBe(reason as typeof error.reason);
    expect(error.message).toContain(text);
  });

  test("of two failures, one that the server had a word in", () => {
    const silent = handshakeFailure(info({ by: "timeout" }), "a");
    const told = handshakeFailure(info({ code: 0x100 + 120 }), "b");
    expect(moreTelling(silent, told)).toBe(told);
    expect(moreTelling(told, silent)).toBe(told);
    expect(moreTelling(silent, silent)).toBe(silent);
  });
});
