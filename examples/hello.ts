/**
 * The smallest server of one's own. Two ways to run it:
 *
 *     bun run serve examples/hello.ts
 *     bun run serve examples/hello.ts --port 8443 --workers 1
 *
 * Then: curl --http3-only -k https://localhost:4433/hello
 */
export default {
  fetch(request: Request): Response {
    const { pathname } = new URL(request.url);
    return new Response(`You asked for ${pathname} over HTTP/3.\n`);
  },
};
