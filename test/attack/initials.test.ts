/**
 * First packets that anybody can forge, from outside and without a handshake: rows 1 to 7 of the
 * list of attacks (SECURITY.md).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AttackedServer, CODES, held, hellos, SteadyClient } from "../support/attack.ts";
import {
  closeCodeOf,
  cryptoFrame,
  HANDSHAKE_DONE,
  InitialSender,
  longHeaders,
  openServerInitial,
  PING,
} from "../support/initial_packet.ts";
import { peerMissing } from "../support/peer.ts";
import { SilentClient, sendInTurn } from "../support/silent_client.ts";

const TIER = process.env.QUICD_TIER ?? "default";
const FULL = TIER !== "default";
const COALESCED = { default: 3000, full: 100_000, long: 1_000_000 }[TIER] ?? 3000;
const AMPLIFICATION_MAX = 3;
/** Two probe timeouts of a server that knows no round trip yet: 1 s, then 2 s (RFC 9002 §6.2). */
const SILENCE_MS = 3500;

const [hello] = peerMissing("aioquic") ? [] : await hellos(1);

/** An Initial with a whole ClientHello, of a connection nobody has yet. */
function greeting(bytes = 1200): { sender: InitialSender; packet: Buffer } {
  const sender = new InitialSender(undefined, hello!.sourceId);
  return { sender, packet: sender.packet(cryptoFrame(0, hello!.bytes), bytes) };
}

/** What a client sends that never answers; three times as much may come (RFC 9000 §8.1). */
const SILENT: Record<string, () => Uint8Array[]> = {
  "one Initial": () => [greeting().packet],
  "the same Initial five times": () => Array(5).fill(greeting().packet),
  "an Initial and a Handshake packet of nothing": () => {
    const { packet, sender } = greeting(700);
    const other = Buffer.alloc(500, 0x55);
    other.set([0xe3, 0, 0, 0, 1, 8]);
    other.set(sender.destinationId, 6);
    return [Buffer.concat([packet, other])];
  },
  "a ClientHello in two halves": () => {
    const sender = new InitialSender(undefined, hello!.sourceId);
    const half = hello!.bytes.length >> 1;
    const parts = [hello!.bytes.subarray(0, half), hello!.bytes.subarray(half)];
    return parts.map((part, i) => sender.packet(cryptoFrame(i * half, part)));
  },
  "half a ClientHello": () => [
    new InitialSender().packet(cryptoFrame(0, hello!.bytes.subarray(0, 100))),
  ],
  "PINGs only": () => {
    const sender = new InitialSender();
    return [sender.packet(PING), sender.packet(PING), sender.packet(PING)];
  },
  "another version": () => {
    const { packet } = greeting();
    packet.writeUInt32BE(0x1a2a3a4a, 1);
    return [packet];
  },
};
/** Not even an answer. */
const UNANSWERED: Record<string, () => Uint8Array[]> = {
  "an Initial of 1199 bytes": () => [greeting(1199).packet],
  "Version Negotiation": () => {
    const { packet } = greeting();
    packet.writeUInt32BE(0, 1);
    return [packet];
  },
  "another version in 1199 bytes": () => {
    const { packet } = greeting(1199);
    packet.writeUInt32BE(0x1a2a3a4a, 1);
    return [packet];
  },
  // RFC 9000 §17.2: more than any version 1 packet has.
  "a destination ID of 21 bytes": () => [
    new InitialSender(new Uint8Array(21).fill(7)).packet(cryptoFrame(0, hello!.bytes)),
  ],
  "a source ID of 21 bytes": () => [
    new InitialSender(undefined, new Uint8Array(21)).packet(cryptoFrame(0, hello!.bytes)),
  ],
  "a token longer than the packet": () => {
    const { packet, sender } = greeting();
    // In place of the empty token's length, behind both IDs: 2^62 - 1, in eight bytes.
    packet.fill(0xff, 7 + sender.destinationId.length + sender.sourceId.length).fill(0, 50);
    return [packet];
  },
  "a connection ID of 7 bytes": () => [
    new InitialSender(new Uint8Array(7).fill(7)).packet(cryptoFrame(0, hello!.bytes)),
  ],
};

describe.skipIf(hello === undefined)("a silent client", () => {
  for (const retry of ["never", "always"] as const) {
    test(`gets at most three times what it sent; retry ${retry}`, async () => {
      const attacked = await AttackedServer.start({ retry, handshakeTimeoutMs: 10_000 });
      const cases = { ...SILENT, ...UNANSWERED };
      const clients = await Promise.all(
        Object.entries(cases).map(async ([name, make]) => {
          const client = await SilentClient.open(attacked.port);
          client.send(make());
          return { name, client };
        }),
      );
      await Bun.sleep(retry === "never" ? SILENCE_MS : 300);
      for (const { name, client } of clients) {
        const { sentBytes, receivedBytes, receivedDatagrams } = client;
        client.close();
        console.log(
          `amplification, retry ${retry}: ${name}: ${sentBytes} -> ${receivedBytes} bytes in ` +
            `${receivedDatagrams} (${(receivedBytes / sentBytes).toFixed(2)})`,
        );
        const most = name in UNANSWERED ? 0 : AMPLIFICATION_MAX * sentBytes;
        expect(`${name}: ${receivedBytes <= most}`).toBe(`${name}: true`);
      }
      expect(await attacked.stop()).toBe(0);
    }, 20_000);
  }
});

describe.skipIf(hello === undefined)("forged first packets", () => {
  let attacked: AttackedServer;
  beforeAll(async () => {
    attacked = await AttackedServer.start({ retry: "never", handshakeTimeoutMs: 500 });
  });
  afterAll(async () => {
    expect(await attacked?.stop()).toBe(0);
  });

  test("every truncation of an Initial leaves nothing", async () => {
    const client = await SilentClient.open(attacked.port);
    const { packet } = greeting();
    client.send([new InitialSender().packet(PING)]);
    const before = await attacked.quiet();
    // Cut: too small. Cut and filled up: what remains of the packet can't be opened.
    await client.sendSlowly(
      Array.from({ length: packet.length }, (_, length) => packet.subarray(0, length)),
    );
    const cut = await attacked.server.ask("measure");
    expect(cut.counters.accepted - before.counters.accepted).toBe(0);
    await client.sendSlowly(
      Array.from({ length: packet.length }, (_, length) => {
        // Each octet of the rest is another one than it was.
        const filled = Uint8Array.from(packet).map((octet) => octet ^ 0xff);
        filled.set(packet.subarray(0, length));
        return filled;
      }),
    );
    client.close();
    // Sooner than a handshake's timeout would end one.
    const filled = await attacked.server.until(({ counters }) => counters.half_open === 0, 200);
    console.log(
      `truncation: ${filled.counters.receive_datagrams - before.counters.receive_datagrams} ` +
        `datagrams, ${filled.counters.accepted - before.counters.accepted} looked into, ` +
        `${filled.counters.half_open} half-open after it`,
    );
    // What is not an Initial of ours is no connection, not even until a timeout.
    expect(filled.counters.half_open).toBe(0);
    expect(held(await attacked.quiet())).toEqual(held(before));
  }, 30_000);

  test("a rule broken after the server's flight: told on both levels", async () => {
    // RFC 9000 §10.2.3: who broke it may have lost the flight, and with it all other keys.
    const client = await SilentClient.open(attacked.port, 20);
    const { sender, packet } = greeting();
    client.send([packet]);
    await client.until(() => client.receivedDatagrams > 0);
    client.send([sender.packet(HANDSHAKE_DONE)]);
    const closing = () =>
      client.received.find(
        (datagram) => closeCodeOf(openServerInitial(sender, datagram) ?? PING) !== null,
      );
    await client.until(() => closing() !== undefined);
    client.close();
    const datagram = closing()!;
    const code = closeCodeOf(openServerInitial(sender, datagram)!);
    expect(code).toBe(CODES.PROTOCOL_VIOLATION);
    expect(longHeaders(datagram)).toEqual([0xc0, 0xe0]);
  }, 20_000);

  test("packets of another connection in one datagram are dropped, nothing leaks", async () => {
    const client = await SilentClient.open(attacked.port);
    const rounds: { liveBytes: number; liveObjects: number }[] = [];
    for (let round = 0; round < 3; round++) {
      const batch = round === 0 ? 1000 : COALESCED / 2;
      await client.sendMade(batch, () => {
        const first = new InitialSender().packet(PING, 700);
        const second = new InitialSender().packet(PING, 500);
        return Buffer.concat([first, second]);
      });
      const { memory } = await attacked.quiet();
      rounds.push({ liveBytes: memory.liveBytes, liveObjects: memory.liveObjects });
    }
    client.close();
    const { counters } = await attacked.server.ask("measure");
    console.log(
      `coalesced: ${client.sentDatagrams} datagrams, ${counters.accepted} accepted, live after ` +
        `each round ${rounds.map(({ liveBytes }) => liveBytes).join(", ")} bytes`,
    );
    expect(rounds[2]).toEqual(rounds[1]!);
    expect(rounds[1]).toEqual(rounds[0]!);
  }, 300_000);
});

/** Row 14, before anybody has proved an address. */
describe.skipIf(hello === undefined)("CRYPTO frames of first packets", () => {
  const CLIENTS = 100;
  const PACKETS = 4;
  /** For each 4 bytes of a frame's head; at any offset below two bytes' reach. */
  const FRAMES_PER_PACKET = 200;

  test("holes cost no more than a connection, and are an error", async () => {
    const attacked = await AttackedServer.start({ retry: "never" });
    const client = await SilentClient.open(attacked.port, 10 * CLIENTS * PACKETS);
    const senders = Array.from({ length: CLIENTS }, () => new InitialSender());
    for (let packet = 0; packet < PACKETS; packet++) {
      const frames = Array.from({ length: FRAMES_PER_PACKET }, (_, i) =>
        cryptoFrame(1 + 2 * (packet * FRAMES_PER_PACKET + i), Uint8Array.of(0)),
      );
      const payload = Buffer.concat(frames);
      await client.sendSlowly(senders.map((sender) => sender.packet(payload)));
      const { memory, counters } = await attacked.server.ask("measure");
      const each = memory.liveBytes / Math.max(1, counters.live_connections);
      console.log(`holes in Initials: ${packet + 1} packets, ${each.toFixed(0)} bytes each`);
      expect(memory.liveBytes).toBeLessThan(CLIENTS * (100 << 10));
    }
    await Bun.sleep(300);
    client.close();
    const codes = client.received
      .map((datagram) => closeIn(senders, datagram))
      .filter((code) => code !== null);
    expect(new Set(codes)).toEqual(new Set([CODES.CRYPTO_BUFFER_EXCEEDED]));
    // A close that is lost in a socket's buffer is told again for later packets, not for the last.
    expect(codes.length).toBeGreaterThan(CLIENTS / 2);
    // They are closed for three probe timeouts.
    if (FULL) expect((await attacked.quiet()).counters.half_open).toBe(0);
    expect(await attacked.stop()).toBe(0);
  }, 30_000);

  /** The code of the CONNECTION_CLOSE for one of them, or null. */
  function closeIn(senders: readonly InitialSender[], datagram: Uint8Array): number | null {
    const idBytes = datagram[5]!;
    const id = Buffer.from(datagram.subarray(6, 6 + idBytes));
    const sender = senders.find(({ sourceId }) => id.equals(sourceId));
    const frames = sender === undefined ? null : openServerInitial(sender, datagram);
    return frames === null ? null : closeCodeOf(frames);
  }
});

/** Rows 3, 4: Initials of new connections only, with a whole ClientHello or without. */
describe.skipIf(hello === undefined)("a flood of Initials", () => {
  const CONNECTIONS = 512;

  const far = cryptoFrame(1 << 20, Uint8Array.of(0));
  const kinds: Record<string, (sender: InitialSender) => Buffer> = {
    "whole ClientHellos": (sender) => sender.packet(cryptoFrame(0, hello!.bytes)),
    "empty ones": (sender) => sender.packet(PING),
    // A packet that makes a connection, and one that ends it: which takes the server three probe
    // timeouts (RFC 9000 §10.2).
    "ones that break a rule": (sender) =>
      Buffer.concat([sender.packet(PING, 600), sender.packet(far, 600)]),
  };
  /** Whole networks of them, so that it is the worker's places that are short. */
  const MANY = 40;
  /** Of limits.h: half-open, for a worker and for one network, without and with Retry. */
  const places = {
    "many networks": { never: CONNECTIONS / 2 + 1, "under-load": CONNECTIONS / 8 },
    "one network": { never: 64, "under-load": 32 },
  };

  for (const [kind, make] of Object.entries(kinds)) {
    for (const from of ["many networks", "one network"] as const) {
      for (const retry of ["never", "under-load"] as const) {
        // One in the default tier.
        const inDefaultTier =
          kind === "ones that break a rule" && from === "many networks" && retry === "under-load";
        if (!FULL && !inDefaultTier) continue;
        if (kind !== "whole ClientHellos" && from === "one network") continue;
        test(`${kind} from ${from}, retry ${retry}: bounded, and others go on`, async () => {
          await flood(kind, make, from, retry);
        }, 60_000);
      }
    }
  }

  async function flood(
    kind: string,
    make: (sender: InitialSender) => Buffer,
    from: keyof typeof places,
    retry: "never" | "under-load",
  ): Promise<void> {
    const most = places[from][retry];
    const count = FULL && kind === "whole ClientHellos" && retry === "never" ? 50_000 : 6000;
    const attacked = await AttackedServer.start({ retry, connections: CONNECTIONS });
    const steady = new SteadyClient(attacked.port);
    await Bun.sleep(300);
    const before = await attacked.server.ask("measure");
    const clients = await Promise.all(
      Array.from({ length: from === "one network" ? 1 : MANY }, (_, i) =>
        SilentClient.open(attacked.port, 0, "127.0.0.1", `127.1.${i}.1`),
      ),
    );
    const started = performance.now();
    const spent = attacked.workerMs();
    await sendInTurn(clients, count, () => make(new InitialSender(undefined, hello!.sourceId)));
    const seconds = (performance.now() - started) / 1000;
    const during = await attacked.server.ask("measure");
    for (const client of clients) client.close();
    await steady.stop();
    const spentMs = attacked.workerMs() - spent;
    const grown = (name: keyof typeof during.counters) =>
      during.counters[name] - before.counters[name];
    console.log(
      `flood of ${kind} from ${from}, retry ${retry}: ${count} in ${seconds.toFixed(1)} s, ` +
        `${grown("accepted")} accepted, ${grown("receive_refused")} refused, ` +
        `${grown("retries")} Retries, ${during.counters.half_open} half-open, native ` +
        `${during.memory.liveBytes >> 10} KiB; ${steady.whole} requests beside it, slowest ` +
        `${steady.slowestMs.toFixed(0)} ms; workers ${spentMs.toFixed(0)} ms`,
    );
    expect(steady.wrong).toEqual([]);
    expect(steady.whole).toBeGreaterThan(10);
    expect(grown("established")).toBe(0);
    expect(during.counters.half_open).toBeLessThanOrEqual(most);
    // With those that are being closed, and the steady client.
    expect(during.counters.live_connections).toBeLessThanOrEqual(most + 1);
    // So many at a time, each for as long as a handshake may take.
    expect(grown("accepted")).toBeLessThanOrEqual(most * (Math.ceil(seconds) + 1));
    expect(grown(retry === "never" ? "receive_refused" : "retries")).toBeGreaterThan(0);
    // A few dozen KiB for each that is half-open (with TLS, its certificate and keys).
    expect(during.memory.liveBytes).toBeLessThan(most * (100 << 10));
    // Those that are closed take three probe timeouts, which the default tier has no time for.
    if (FULL) {
      const after = await attacked.quiet();
      expect(after.counters.half_open).toBe(0);
      expect(after.memory.liveObjects).toBeLessThan(200);
    }
    expect(await attacked.stop()).toBe(0);
  }
});
