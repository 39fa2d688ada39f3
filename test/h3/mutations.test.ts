/**
 * Valid connections with bytes changed, cut, doubled and split at random: whatever comes, nothing
 * is thrown at the transport, every ending has an HTTP/3 code, and no lease and no request is left
 * behind.
 */
import { expect, test } from "bun:test";
import { KnownResponse } from "../../src/apps/h3/response.ts";
import type { FakeStream } from "../support/fake_connection.ts";
import { Prng } from "../support/prng.ts";
import { content, frame, GET, head, headers, serve, settle, text } from "./client.ts";

const ROUNDS = 3000;
const SEEDS: readonly { uni: boolean; bytes: readonly number[] }[] = [
  { uni: false, bytes: headers(GET) },
  {
    uni: false,
    bytes: [
      ...headers(head({ ":method": "POST" }, [["content-length", "10"]])),
      ...content(text("hello")),
      ...frame(0x21, [1, 2, 3]),
      ...content(text("world")),
      ...headers([["x-trailer", "1"]]),
    ],
  },
  { uni: true, bytes: [0x00, ...frame(0x04, [0x06, 0x44, 0x00]), ...frame(0x0d, [5])] },
  { uni: true, bytes: [0x02, 0x20, 0x20] },
  { uni: true, bytes: [0x03, 0x44, 0x48] },
];

function mutate(bytes: readonly number[], random: Prng): number[] {
  const mutant = [...bytes];
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(mutant.length + 1);
    const kind = random.below(4);
    if (kind === 0) mutant[at % mutant.length] = random.below(256);
    else if (kind === 1) mutant.splice(at, random.below(4));
    else if (kind === 2) mutant.splice(at, 0, ...random.bytes(random.below(4)));
    else mutant.splice(at, 0, ...mutant.slice(at, at + random.below(30)));
    if (mutant.length === 0) mutant.push(random.below(256));
  }
  return mutant;
}

test("nothing escapes", async () => {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  for (let round = 0; round < ROUNDS; round++) {
    const { connection, factory } = serve(async (request) => {
      const body = await request.text();
      return new KnownResponse(body) as unknown as Response;
    });
    const opened: FakeStream[] = [];
    for (let i = 0; i < 3; i++) {
      const { uni, bytes } = random.pick(SEEDS);
      const mutant = mutate(bytes, random);
      const stream = connection.peerStream(4 * i + (uni ? 2 : 0));
      opened.push(stream);
      const cut = random.below(mutant.length + 1);
      connection.deliver(stream, mutant.slice(0, cut), false);
      connection.deliver(stream, mutant.slice(cut), !uni && random.below(4) > 0);
      const ending = random.below(8);
      if (ending === 0) stream.sink!.onReset(0x10c);
      if (ending === 1) stream.sink!.onStopped(0x10c);
    }
    if (round % 8 === 0) await settle(1);
    for (const { resetCode, stopCode } of opened) {
      for (const code of [resetCode, stopCode]) {
        if (code >= 0) expect(code >= 0x100 && code <= 0x202).toBe(true);
      }
    }
    if (connection.closed !== null) expect(connection.closed.code).not.toBe(0x102);
    connection.end();
    // A chunk that was handed to a reader just before is released when the reader runs.
    for (let i = 0; i < 10; i++) await null;
    expect(connection.leasesOpen).toBe(0);
    expect(factory.pendingRequests).toBe(0);
  }
}, 60_000);
