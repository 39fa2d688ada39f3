/**
 * `serve` with app threads that may be ended: each line is a question, answered by what the server
 * holds. Questions: `measure`; `collect` (garbage first); `fail N` (thread N ends); `stop`.
 */
import type { NativeMemory } from "../../../src/native/addon.ts";
import type { Counters } from "../../../src/native/counters.ts";
import { loadLibrary } from "../../../src/native/library.ts";
import { type AppThreadView, QuicServer, type ServeOptions, serve } from "../../../src/server.ts";

export interface Holding {
  memory: NativeMemory;
  counters: Counters;
  threads: readonly AppThreadView[];
}

export async function answerQuestions(
  options: ServeOptions,
  lines: AsyncIterator<string>,
  say: (value: unknown) => void,
): Promise<void> {
  const server = await serve(options);
  if (!(server instanceof QuicServer)) throw new Error("the native part is missing");
  say(server.port);
  for (;;) {
    const { value: question, done } = await lines.next();
    const [what, number] = question.split(" ");
    if (done === true || what === "stop") break;
    if (what === "collect") Bun.gc(true);
    if (what === "fail") server.failThread(Number(number));
    const { threads } = server;
    say({ memory: loadLibrary().addon.memory(), counters: server.counters()!, threads });
  }
  await server.stop();
  process.exit(0);
}
