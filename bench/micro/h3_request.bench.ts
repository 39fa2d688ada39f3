/**
 * Question: what does one small HTTP/3 request cost from its bytes to the committed response,
 * without any transport?
 *
 * Budget: HTTP/3 and QPACK 0.8 us, Request, Response and handler 1.0 us, of about 6.5 us that the
 * whole server has per request. "same" repeats one section, "paths" has a new path each time, as a
 * client with a counter in its URL.
 */
import { bench, run, summary } from "mitata";
import { H3Factory } from "../../src/apps/h3/factory.ts";
import type { H3Handler } from "../../src/apps/h3/handler.ts";
import { HeaderBlock } from "../../src/apps/h3/lean.ts";
import { KnownResponse } from "../../src/apps/h3/response.ts";
import type { SinkConnection } from "../../src/transport/app.ts";
import type { ChunkView } from "../../src/transport/chunk.ts";
import type { SendStream, TransportStream } from "../../src/transport/stream.ts";
import { head, headers } from "../../test/h3/client.ts";
import { FakeConnection } from "../../test/support/fake_connection.ts";

const REQUESTS_PER_ITERATION = process.env.SMOKE === "1" ? 10 : 4096;
const TEXT = new HeaderBlock({ "content-type": "text/plain" });

let sequence = 0;
const query = (target: string) => target.slice(target.indexOf("?"));
const HANDLERS: Record<string, H3Handler> = {
  fetch: {
    fetch: (request) =>
      new KnownResponse(`${sequence++} ${query(request.url)}`) as unknown as Response,
  },
  lean: { lean: (ctx) => ctx.respond(200, TEXT, `${sequence++} ${query(ctx.path)}`) },
};

/** Counts commits; one buffer is room for all, since nobody reads it. */
class CountingStream {
  static commits = 0;
  static readonly buffer = { memory: new Uint8Array(32_768), offset: 64, capacity: 16_384 };
  readonly bidirectional = true;
  readonly local = false;
  readonly credit = 1 << 20;
  constructor(readonly id: number) {}
  get send(): SendStream {
    return this as unknown as SendStream;
  }
  reserve() {
    return CountingStream.buffer;
  }
  commit(): void {
    CountingStream.commits++;
  }
  reset(code: number): void {
    throw new Error(`reset ${code}`);
  }
  stop(): void {}
}

summary(() => {
  bench("$handler, $requests", function* (state: { get(name: string): unknown }) {
    const connection = new FakeConnection();
    const factory = new H3Factory(HANDLERS[state.get("handler") as string]!);
    const sink = factory.attach(connection as SinkConnection);
    const views = Array.from({ length: REQUESTS_PER_ITERATION }, (_, i) => {
      const path = state.get("requests") === "same" ? "/hello?n=1" : `/hello?n=${i * 7919}`;
      const fields = head({ ":path": path }, [["user-agent", "bench/1.0"]]);
      const memory = Uint8Array.from(headers(fields));
      return { memory, offset: 0, length: memory.length } as unknown as ChunkView;
    });
    yield () => {
      const before = CountingStream.commits;
      for (const [i, view] of views.entries()) {
        const stream = new CountingStream(4 * i) as unknown as TransportStream;
        sink.onStream(stream).onData(view, true);
      }
      const done = CountingStream.commits - before;
      if (done !== views.length) throw new Error(`${done} responses`);
    };
  })
    .args("handler", ["fetch", "lean"])
    .args("requests", ["same", "paths"]);
});

await run({ format: process.argv.includes("--json") ? "json" : "mitata", throw: true });
