/**
 * Tokens that nobody gave (rows 2 and 5): none opens the way past address validation, and whose
 * token it was, when, and for which connection, all count. token_test.c has every bit of one.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { AttackedServer, CID_BYTES, CODES } from "../support/attack.ts";
import { closeCodeOf, InitialSender, openServerInitial, PING } from "../support/initial_packet.ts";
import { SilentClient } from "../support/silent_client.ts";

const ANSWER_MS = 100;
const LONG_RETRY = 0x30;

interface Retry {
  token: Uint8Array;
  /** What the client has to use from then on. */
  id: Uint8Array;
}

/** What a server makes of an Initial. */
async function answerTo(client: SilentClient, packet: Uint8Array): Promise<Uint8Array[]> {
  client.received.length = 0;
  client.send([packet]);
  await Bun.sleep(ANSWER_MS);
  return [...client.received];
}

function retryIn(datagram: Uint8Array | undefined): Retry | null {
  if (datagram === undefined || (datagram[0]! & 0xb0) !== (0x80 | LONG_RETRY)) return null;
  const at = 6 + datagram[5]!;
  const idEnd = at + 1 + datagram[at]!;
  return { id: datagram.subarray(at + 1, idEnd), token: datagram.subarray(idEnd, -16) };
}

/** "retry", the code of a CONNECTION_CLOSE, "connection", or "nothing". */
function judge(sender: InitialSender, answers: Uint8Array[]): string {
  if (answers.length === 0) return "nothing";
  if (retryIn(answers[0]) !== null) return "retry";
  const frames = openServerInitial(sender, answers[0]!);
  if (frames === null) return "unreadable";
  const code = closeCodeOf(frames);
  return code === null ? "connection" : `close ${code}`;
}

describe("tokens", () => {
  let attacked: AttackedServer;
  let other: AttackedServer;
  let client: SilentClient;
  beforeAll(async () => {
    attacked = await AttackedServer.start({ retry: "always" });
    other = await AttackedServer.start({ retry: "always" });
    client = await SilentClient.open(attacked.port, 10);
  });
  afterAll(async () => {
    client?.close();
    expect(await attacked?.stop()).toBe(0);
    expect(await other?.stop()).toBe(0);
  });

  /** A Retry as `from` gets it at `port`. */
  async function retryOf(from: SilentClient): Promise<Retry> {
    const [answer] = await answerTo(from, new InitialSender().packet(PING));
    const retry = retryIn(answer);
    expect(retry).not.toBeNull();
    return retry!;
  }

  async function present(from: SilentClient, id: Uint8Array, token: Uint8Array): Promise<string> {
    const sender = new InitialSender(id);
    sender.token = token;
    return judge(sender, await answerTo(from, sender.packet(PING)));
  }

  test("one that is right makes a connection, at once and again", async () => {
    const { id, token } = await retryOf(client);
    expect(await present(client, id, token)).toBe("connection");
    // The same packet once more is of that connection: no second one.
    const { accepted } = (await attacked.server.ask("measure")).counters;
    await present(client, id, token);
    expect((await attacked.server.ask("measure")).counters.accepted).toBe(accepted);
  });

  test("what is no token of a Retry's is as none", async () => {
    const { id } = await retryOf(client);
    const { accepted } = (await attacked.server.ask("measure")).counters;
    for (const bytes of [0, 1, 16, 57, 200]) {
      const token = randomBytes(bytes);
      if (bytes > 0) token[0] = 0x07;
      expect(`${bytes}: ${await present(client, id, token)}`).toBe(`${bytes}: retry`);
    }
    expect((await attacked.server.ask("measure")).counters.accepted).toBe(accepted);
  });

  test("altered, cut, somebody else's or for something else: INVALID_TOKEN", async () => {
    const invalid = `close ${CODES.INVALID_TOKEN}`;
    const elsewhere = await SilentClient.open(attacked.port, 10);
    const foreign = await SilentClient.open(other.port, 10);
    // Each with a Retry of its own: a connection that is being closed keeps its ID for a while.
    const altered = (change: (token: Uint8Array) => Uint8Array) => async () => {
      const { id, token } = await retryOf(client);
      return await present(client, id, change(Uint8Array.from(token)));
    };
    const flipped = (place: (token: Uint8Array) => number) =>
      altered((token) => {
        token[place(token)]! ^= 1;
        return token;
      });
    const cases: Record<string, () => Promise<string>> = {
      "a bit of the nonce": flipped(() => 3),
      "a bit of the time": flipped(() => 14),
      "a bit of the tag": flipped(({ length }) => length - 1),
      cut: altered((token) => token.subarray(0, -1)),
      "another port": async () => {
        const { id, token } = await retryOf(client);
        return await present(elsewhere, id, token);
      },
      "another connection's": async () => {
        const [one, two] = [await retryOf(client), await retryOf(client)];
        return await present(client, two.id, one.token);
      },
      "another ID": async () => {
        const { token } = await retryOf(client);
        return await present(client, randomBytes(CID_BYTES), token);
      },
      "another server's": async () => {
        const { id, token } = await retryOf(foreign);
        return await present(client, id, token);
      },
    };
    for (const [name, run] of Object.entries(cases)) {
      expect(`${name}: ${await run()}`).toBe(`${name}: ${invalid}`);
    }
    elsewhere.close();
    foreign.close();
    const { counters } = await attacked.server.ask("measure");
    console.log(
      `tokens: ${counters.tokens_valid} valid, ${counters.tokens_invalid} invalid, ` +
        `${counters.retries} Retries`,
    );
    expect(counters.tokens_invalid).toBe(Object.keys(cases).length);
    expect(counters.tokens_valid).toBe(1);
    expect(counters.established).toBe(0);
  });
});
