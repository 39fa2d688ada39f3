//   bun interop/h3spec/bun_server.ts PORT CERTIFICATE KEY
//
// Bun's own HTTP/3 server, as h3spec meets it.
const [port, certificate, key] = Bun.argv.slice(2);
if (!port || !certificate || !key) throw new Error("usage: bun_server.ts PORT CERTIFICATE KEY");
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  http1: false,
  http3: true,
  tls: { cert: Bun.file(certificate), key: Bun.file(key) },
  fetch: () => new Response("h3spec\n"),
});
