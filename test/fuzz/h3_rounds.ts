/**
 * What every fuzzing round over HTTP/3 does: a connection served by some application, whatever the
 * round delivers, and the end. Time-bounded; the seed is printed.
 *
 * Whatever comes, nothing is thrown at the transport, every ending has a code of HTTP/3 or QPACK,
 * and neither leases nor requests nor memory stay behind.
 */
import { expect } from "bun:test";
import { serve } from "../h3/client.ts";
import type { FakeConnection, FakeStream } from "../support/fake_connection.ts";
import { Prng } from "../support/prng.ts";

const SECONDS = { default: 5, full: 30, long: 300 }[process.env.QUICD_TIER ?? "default"] ?? 5;
const CODE_FIRST = 0x100;
const CODE_LAST = 0x202;
const INTERNAL_ERROR = 0x102;
/** What one stream can be delivered at a time by the fake. */
const PIECE_BYTES_MAX = 100_000;
const MEMORY_GROWTH_MAX_BYTES = 64 << 20;
const WARM_ROUNDS = 300;
/** Of one connection's answers: the applications here answer with little. */
const SENT_BYTES_MAX = 4 << 20;

export interface Round {
  random: Prng;
  connection: FakeConnection;
  /** Opens the peer's next stream of that kind. */
  open(unidirectional: boolean): FakeStream;
  /** In pieces cut anywhere. */
  deliver(stream: FakeStream, bytes: readonly number[], fin: boolean): void;
}

/** Applications that read everything, nothing, a bit; answer at once, later, in pieces, never. */
const APPLICATIONS: ((request: Request) => Promise<Response>)[] = [
  async (request) => new Response(await request.text()),
  async () => new Response("not read"),
  async (request) => {
    const reader = request.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    return new Response("a bit");
  },
  async (request) => new Response(request.body),
  async () => {
    throw new Error("the application's own");
  },
  () => new Promise(() => {}),
];

function pieces(bytes: readonly number[], random: Prng): number[][] {
  const cuts = Array.from({ length: random.below(5) }, () => random.below(bytes.length + 1));
  const ends = [...cuts.sort((a, b) => a - b), bytes.length];
  let start = 0;
  const parts: number[][] = [];
  for (const end of ends) {
    for (; end - start > PIECE_BYTES_MAX; start += PIECE_BYTES_MAX) {
      parts.push(bytes.slice(start, start + PIECE_BYTES_MAX));
    }
    parts.push(bytes.slice(start, end));
    start = end;
  }
  return parts;
}

function disturb(connection: FakeConnection, stream: FakeStream, random: Prng): void {
  const choice = random.below(24);
  if (choice === 0) stream.sink!.onReset(random.below(1 << 30));
  else if (choice === 1) stream.sink!.onStopped(random.below(1 << 30));
  else if (choice === 2) connection.full = true;
  else if (choice === 3) connection.drained();
  else if (choice < 8) stream.grant(random.below(2000));
}

function start(random: Prng): { round: Round; check(): Promise<void> } {
  const { connection, factory } = serve(random.pick(APPLICATIONS));
  connection.recording = false;
  connection.streamCredit = random.pick([0, 1, 100, 1 << 20]);
  const opened: FakeStream[] = [];
  const ended = new Set<FakeStream>();
  const next = { uni: 2, bidi: 0 };
  const round: Round = {
    random,
    connection,
    open(unidirectional) {
      const id = unidirectional ? next.uni : next.bidi;
      if (unidirectional) next.uni += 4;
      else next.bidi += 4;
      const stream = connection.peerStream(id);
      opened.push(stream);
      return stream;
    },
    deliver(stream, bytes, fin) {
      const parts = pieces(bytes, random);
      parts.forEach((part, i) => {
        const last = fin && i === parts.length - 1;
        if (ended.has(stream) || (part.length === 0 && !last)) return;
        connection.deliver(stream, part, last);
        if (last) ended.add(stream);
        if (random.below(8) === 0) disturb(connection, stream, random);
      });
    },
  };
  const check = async () => {
    for (const { resetCode, stopCode } of opened) {
      for (const code of [resetCode, stopCode]) if (code >= 0) expectCode(code);
    }
    if (connection.closed !== null) {
      expectCode(connection.closed.code);
      expect(connection.closed.code).not.toBe(INTERNAL_ERROR);
    }
    connection.end();
    for (let i = 0; i < 12; i++) await null;
    expect(connection.leasesOpen).toBe(0);
    expect(factory.pendingRequests).toBe(0);
    expect(connection.sentBytes).toBeLessThan(SENT_BYTES_MAX);
  };
  return { round, check };
}

function expectCode(code: number): void {
  expect(code).toBeGreaterThanOrEqual(CODE_FIRST);
  expect(code).toBeLessThanOrEqual(CODE_LAST);
}

function heapBytes(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

/** Rounds until the time of the tier is over; returns how many. */
export async function fuzzRounds(name: string, play: (round: Round) => void): Promise<number> {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  const deadline = performance.now() + SECONDS * 1000;
  let rounds = 0;
  let baseBytes = 0;
  for (; performance.now() < deadline; rounds++) {
    // A seed of its own for each round, so that a failure names one round only.
    const own = new Prng(random.next());
    try {
      const { round, check } = start(own);
      play(round);
      if (own.below(8) === 0) await Bun.sleep(0);
      await check();
    } catch (error) {
      console.log(`round ${rounds} of SEED=${random.seed} has the seed ${own.seed}`);
      throw error;
    }
    if (rounds === WARM_ROUNDS) baseBytes = heapBytes();
  }
  const grown = heapBytes() - baseBytes;
  console.log(`${name}: ${rounds} rounds, heap ${grown >= 0 ? "+" : ""}${grown >> 10} KiB`);
  expect(rounds).toBeGreaterThan(WARM_ROUNDS);
  expect(grown).toBeLessThan(MEMORY_GROWTH_MAX_BYTES);
  return rounds;
}

/** A varint (RFC 9000 §16) in any of the lengths that hold it. */
export function varint(value: number, random: Prng): number[] {
  const bits = [6, 14, 30, 62].filter((room) => value < 2 ** room);
  const room = random.below(4) === 0 ? random.pick(bits) : bits[0]!;
  const length = (room + 2) / 8;
  const bytes = Array.from({ length }, (_, i) => Math.floor(value / 256 ** (length - 1 - i)) % 256);
  bytes[0]! |= Math.log2(length) << 6;
  return bytes;
}

/** The same bytes with few of them changed, missing, doubled or added. */
export function mutated(bytes: readonly number[], random: Prng): number[] {
  const mutant = [...bytes];
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(mutant.length + 1);
    const kind = random.below(4);
    if (kind === 0 && at < mutant.length) mutant[at]! ^= 1 << random.below(8);
    else if (kind === 1) mutant.splice(at, random.below(4));
    else if (kind === 2) mutant.splice(at, 0, ...random.bytes(random.below(4)));
    else mutant.splice(at, 0, ...mutant.slice(at, at + random.below(30)));
  }
  return mutant;
}
