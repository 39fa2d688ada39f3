/** Requests again and again over a fake connection: answers in any pieces, faults, GOAWAY. */
import { describe, expect, test } from "bun:test";
import { H3ClientConnection } from "../../src/apps/h3/client/connection.ts";
import { type ExchangeOwner, HttpExchange } from "../../src/load/http_exchange.ts";
import { HttpTarget } from "../../src/load/http_target.ts";
import { content, type Fields, frame, headers, text } from "../h3/client.ts";
import { FakeConnection } from "../support/fake_connection.ts";
import { planTo } from "./case.ts";

const OK: Fields = [[":status", "200"]];
const WHOLE = [...headers(OK), ...content(text("hello"))];

class Desk implements ExchangeOwner {
  readonly connection = new FakeConnection("client");
  readonly h3 = new H3ClientConnection(this.connection);
  readonly target: HttpTarget;
  readonly log: string[] = [];
  readonly #control;

  constructor() {
    this.connection.sink = this.h3;
    this.#control = this.connection.peerStream(3);
    this.control([0x00, ...frame(0x04, [])]);
    const expectation = { kind: "content", content: Buffer.from("hello") } as const;
    this.target = new HttpTarget(planTo({ port: 1 }, { expect: expectation }));
  }

  /** With a stream. */
  exchange(): HttpExchange {
    const made = new HttpExchange(this, this.h3);
    made.prepare();
    return made;
  }

  control(bytes: readonly number[]): void {
    this.connection.deliver(this.#control, bytes as number[], false);
  }

  answer(id: number, bytes: readonly number[], fin = true): void {
    this.connection.deliver(this.connection.streams.get(id)!, bytes as number[], fin);
  }

  onStream(): void {
    this.log.push("stream");
  }
  onMoved(): void {}
  onSuccess(_exchange: HttpExchange, bodyBytes: number): void {
    this.log.push(`ok ${bodyBytes}`);
  }
  onFailure(_exchange: HttpExchange, reason: unknown): void {
    this.log.push(reason instanceof Error ? reason.message : String(reason));
  }
  onNoStream(): void {
    this.log.push("no stream");
  }
}

test("one after the other, each on its own stream", () => {
  const desk = new Desk();
  const exchange = desk.exchange();
  for (const id of [0, 4, 8]) {
    expect(exchange.streamId).toBe(id);
    exchange.start();
    expect(desk.connection.streams.get(id)!.sent.length).toBeGreaterThan(0);
    for (const [at, byte] of WHOLE.entries()) desk.answer(id, [byte], at === WHOLE.length - 1);
    exchange.prepare();
  }
  expect(desk.log.filter((line) => line !== "stream")).toEqual(["ok 5", "ok 5", "ok 5"]);
  // The one that waits with its stream.
  expect(desk.h3.openRequests).toBe(1);
});

describe("what is wrong with an answer is said, and the next one is not touched by it", () => {
  test.each([
    ["another status", headers([[":status", "500"]]), "status 500"],
    ["another body", [...headers(OK), ...content(text("hallo"))], "body is not what was expected"],
    ["less of it", [...headers(OK), ...content(text("hell"))], "body of 4 bytes, not 5"],
    ["more of it", [...WHOLE, ...content(text("!"))], "body is not what was expected"],
    ["half a frame", WHOLE.slice(0, -1), "stream ended within a frame"],
    ["nothing", [], "stream ended in head"],
    [
      "another content-length",
      [...headers([...OK, ["content-length", "6"]]), ...content(text("hello"))],
      "content is not of content-length",
    ],
    [
      "content where there is none",
      [...headers([[":status", "204"]]), ...content(text("hello"))],
      "content in a response without any",
    ],
  ] as [string, number[], string][])("%s", (_what, bytes, said) => {
    const desk = new Desk();
    const exchange = desk.exchange();
    exchange.start();
    desk.answer(0, bytes);
    expect(desk.log[1]).toContain(said);
    if (desk.connection.closed !== null) return;
    exchange.prepare();
    exchange.start();
    desk.answer(4, WHOLE);
    expect(desk.log.at(-1)).toBe("ok 5");
    expect(desk.connection.leasesOpen).toBe(0);
  });

  test("a reset stream", () => {
    const desk = new Desk();
    desk.exchange().start();
    desk.connection.streams.get(0)!.sink!.onReset(0x10b);
    expect(desk.log).toEqual(["stream", "the server broke off with 0x10b"]);
  });
});

test("GOAWAY: what is under way is finished; who has asked nothing yet holds nobody up", () => {
  const desk = new Desk();
  const [busy, ready] = [desk.exchange(), desk.exchange()];
  busy.start();
  desk.control(frame(0x07, [8]));
  expect(desk.log).toEqual(["stream", "stream", "no stream"]);
  expect(ready.streamId).toBe(-1);
  expect(desk.h3.accepting).toBe(false);
  expect(desk.connection.closed).toBeNull();
  desk.answer(0, WHOLE);
  expect(desk.log.at(-1)).toBe("ok 5");
  expect(desk.connection.closed).toMatchObject({ code: 0x100 });
});

test("one that is given up says nothing, and its answer is nobody's", () => {
  const desk = new Desk();
  const exchange = desk.exchange();
  exchange.start();
  desk.answer(0, WHOLE.slice(0, 3), false);
  exchange.abandon();
  exchange.prepare();
  exchange.start();
  desk.answer(4, WHOLE);
  expect(desk.log).toEqual(["stream", "stream", "ok 5"]);
});
