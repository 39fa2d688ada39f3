/**
 * Requests one after the other, every body compared, until stdin ends; then a line of JSON about
 * them. In a process of its own: when that ends, so does its connection, without a word.
 *
 *   bun test/support/steady_requests.ts PORT
 */
import { sizedBody } from "../e2e/apps/sized_body.ts";

const BODY_BYTES = 5000;

const url = `https://127.0.0.1:${process.argv[2]}/?bytes=${BODY_BYTES}`;
// `protocol` is too new for the types.
const init: object = { protocol: "http3", tls: { rejectUnauthorized: false } };
const expected = sizedBody(BODY_BYTES);
const report = { whole: 0, slowestMs: 0, wrong: [] as string[] };
let running = true;

async function watchInput(): Promise<void> {
  for await (const _ of Bun.stdin.stream());
  running = false;
}

void watchInput();
while (running) {
  const started = performance.now();
  try {
    const bytes = await (await fetch(url, init)).bytes();
    if (Buffer.compare(bytes, expected) === 0) report.whole++;
    else report.wrong.push(`${bytes.length} bytes that differ`);
  } catch (error) {
    report.wrong.push(String(error));
  }
  report.slowestMs = Math.max(report.slowestMs, performance.now() - started);
  await Bun.sleep(10);
}
console.log(JSON.stringify(report));
process.exit(0);
