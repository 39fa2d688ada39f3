/**
 * Question: what does an event cost from its entry in the ring to the sink's method, the lease on
 * its buffer given back?
 *
 * Budget: 0.1 us for stream data or a datagram, of about 6.5 us that the whole server has for a
 * request (which has one such event). The native calls are ones that do nothing: ring.bench.ts has
 * what they cost.
 */
import { bench, run } from "mitata";
import {
  EVENT_BUFFER_WORD,
  EVENT_CONNECTION_GENERATION_WORD,
  EVENT_CONNECTION_WORD,
  EVENT_DATAGRAM,
  EVENT_FLAGS_WORD,
  EVENT_KIND_WORD,
  EVENT_LENGTH_WORD,
  EVENT_STREAM_DATA,
  EVENT_STREAM_GENERATION_WORD,
  EVENT_STREAM_WORD,
  EVENT_WORDS,
  FLAG_OPENED,
  OK,
} from "../../src/native/abi.gen.ts";
import type { ConnectionSink, QuicAppFactory } from "../../src/transport/app.ts";
import { FakeNative } from "../../test/transport/fake_native.ts";
import { Fixture } from "../../test/transport/fixture.ts";

let chunks = 0;

const sink: ConnectionSink = {
  onStream: () => ({
    onData() {
      chunks++;
    },
    onReset() {},
    onStopped() {},
    onWritable() {},
    onConnectionClosed() {},
  }),
  onDatagram() {
    chunks++;
  },
  onShutdown() {},
  onClosed() {},
};
const factory: QuicAppFactory = {
  acceptsAlpn: (alpn) => alpn === "test",
  async spawnApp() {},
  attach: () => sink,
};

/** Its rings are the fake's, for the events that make the connection; its leases are nobody's. */
class LeaseFree extends FakeNative {
  override quicd_buffer_release(): number {
    return OK;
  }
}

const fixture = new Fixture(factory, new LeaseFree());
fixture.connect();
const { dispatcher } = fixture;

function entryOf(kind: number, flags: number): Uint32Array {
  const words = new Uint32Array(EVENT_WORDS);
  words[EVENT_KIND_WORD] = kind;
  words[EVENT_CONNECTION_WORD] = 0;
  words[EVENT_CONNECTION_GENERATION_WORD] = 1;
  words[EVENT_STREAM_WORD] = 0;
  words[EVENT_STREAM_GENERATION_WORD] = 1;
  words[EVENT_BUFFER_WORD] = 0;
  words[EVENT_LENGTH_WORD] = 100;
  words[EVENT_FLAGS_WORD] = flags;
  return words;
}

dispatcher.onEvent(0, entryOf(EVENT_STREAM_DATA, FLAG_OPENED), 0);
if (chunks !== 1) throw new Error("the stream was not opened");

for (const [name, kind] of [
  ["stream data", EVENT_STREAM_DATA],
  ["a datagram", EVENT_DATAGRAM],
] as const) {
  const words = entryOf(kind, 0);
  bench(`an event: ${name}`, () => {
    const before = chunks;
    dispatcher.onEvent(0, words, 0);
    if (chunks !== before + 1) throw new Error("it did not arrive");
  });
}

await run({ format: process.argv.includes("--json") ? "json" : "mitata", throw: true });
