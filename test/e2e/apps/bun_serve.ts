//   bun test/e2e/apps/bun_serve.ts cert.pem key.pem
//   bun test/e2e/apps/bun_serve.ts cert.pem key.pem
//   bun test/e2e/apps/bun_serve.ts cert.pem key.pem < /dev/null
//   (sleep 9) | bun test/e2e/apps/bun_serve.ts cert.pem key.pem
//
// The test application under Bun.serve's own HTTP/3, to stand beside ours in one run. Ends with its
// standard input.
import app from "./test_app.ts";

const [certPath = "", keyPath = ""] = process.argv.slice(2);
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  http1: false,
  http3: true,
  tls: { cert: Bun.file(certPath), key: Bun.file(keyPath) },
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  idleTimeout: 60,
  fetch: app.fetch,
});
console.log(`https://127.0.0.1:${server.port}/`);
for await (const _ of Bun.stdin.stream());
process.exit(0);
