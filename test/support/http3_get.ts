/** Bun's own HTTP/3 client, for tests that want a peer without installing one. */

/** The body of a GET; `protocol` is too new for the types. */
export async function get(url: string): Promise<string> {
  const init: object = { protocol: "http3", tls: { rejectUnauthorized: false } };
  const response = await fetch(url, init);
  return await response.text();
}
