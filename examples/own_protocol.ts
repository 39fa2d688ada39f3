/**
 * A protocol of one's own over QUIC: each stream carries one line, and gets it back in capitals.
 *
 *     bun examples/own_protocol.ts
 *
 * It has no frames and no HTTP; clients offer the ALPN "shout".
 */
import {
  type AppEvent,
  AppRegistry,
  type ConnectionHandle,
  type QuicAppFactory,
  type ReceiveStream,
  type SendStream,
  serve,
} from "quicd";

/** Lines beyond this are cut off: a peer must not make us hold as much as it likes. */
const LINE_BYTES_MAX = 64 * 1024;
const LINE_TOO_LONG = 1;

class ShoutFactory implements QuicAppFactory {
  acceptsAlpn(alpn: string): boolean {
    return alpn === "shout";
  }

  async spawnApp(
    _alpn: string,
    handle: ConnectionHandle,
    events: AsyncIterable<AppEvent>,
  ): Promise<void> {
    for await (const event of events) {
      if (event.type !== "NewStream" || event.send === null) continue;
      // Not awaited: the streams of a connection are answered side by side.
      shout(event.receive, event.send).catch((error) => {
        console.error(`${handle.connectionId}: stream ${event.id}: ${error}`);
      });
    }
  }
}

async function shout(receive: ReceiveStream, send: SendStream): Promise<void> {
  const decoder = new TextDecoder();
  let line = "";
  for await (const chunk of receive) {
    line += decoder.decode(chunk.unsafeView(), { stream: true });
    if (line.length > LINE_BYTES_MAX) {
      receive.stop(LINE_TOO_LONG);
      return send.reset(LINE_TOO_LONG);
    }
  }
  await send.write(new TextEncoder().encode(line.toUpperCase()), true);
}

const registry = new AppRegistry().register("shout", new ShoutFactory());
const server = await serve({ port: 4433, registry });
console.log(`speaking "shout" on UDP port ${server.port}`);
