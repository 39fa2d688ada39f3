/** HTTP/0.9 over QUIC as the interop tests speak it: a request line, then the bare bytes. */
import type { QuicConnection } from "../transport/app.ts";
import { ConnectionError, StreamError } from "../transport/error.ts";

/** The content, piece by piece. @throws ConnectionError when the server breaks off. */
export async function* fetchHq(
  connection: QuicConnection,
  path: string,
): AsyncGenerator<Uint8Array> {
  const { send, receive } = await connection.openBidirectional();
  await send.write(new TextEncoder().encode(`GET ${path}\r\n`), true);
  try {
    for await (const chunk of receive) yield chunk.bytes();
  } catch (error) {
    if (!(error instanceof StreamError) || error.kind !== "reset") throw error;
    const code = `0x${error.code.toString(16)}`;
    throw new ConnectionError(`the server broke off with code ${code}`, error.code);
  }
}
