/**
 * The client of our interop endpoint: fetches URLs into /downloads as TESTCASE says. Exit code 0
 * when all are there. Flags (CLIENT_PARAMS) as the server's, then the URLs.
 */
import { $ } from "bun";
import { H3ErrorCode, QuicClient } from "../../src/index.ts";
import { type ClientPlan, planOf } from "../testcases.ts";
import { Fetcher } from "./fetcher.ts";
import { logPlaces, parseParameters } from "./parameters.ts";

async function fetchAll(plan: ClientPlan, fetcher: Fetcher, urls: readonly URL[]): Promise<void> {
  if (plan.connections === "one") {
    await fetcher.fetch(urls);
  } else if (plan.connections === "each") {
    for (const url of urls) await fetcher.fetch([url]);
  } else {
    const session = await fetcher.fetchForSession(urls.slice(0, 1));
    await fetcher.fetch(urls.slice(1), session);
  }
}

const plan = planOf("client", process.env.TESTCASE ?? "");
if (plan === null) process.exit(127);
const { workers, backend, congestion, wait, rest } = parseParameters(process.argv.slice(2));
const { qlog, keylog } = logPlaces(process.env);
const client = new QuicClient({ workers, backend, qlog, gso: false });
// Only now: programs take their time to load, and the simulator changes the first address after a
// second.
if (wait !== "") await $`/wait-for-it.sh ${wait} -s -t 30`;
const closeCode = plan.alpn === "h3" ? H3ErrorCode.NoError : 0;
let code = 0;
try {
  const urls = rest.map((text) => new URL(text));
  if (urls.length === 0) throw new TypeError("REQUESTS is empty: there is nothing to fetch");
  await fetchAll(plan, new Fetcher(client, { plan, congestion, keylog, closeCode }), urls);
  console.log(`fetched ${urls.length} files`);
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  code = 1;
}
await client.close();
process.exit(code);
