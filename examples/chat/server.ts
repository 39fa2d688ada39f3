/** A chat relay: a line is a stream and reaches everybody; a notice is a datagram, maybe lost. */
import { AppRegistry, type Chunk, type ConnectionHandle, type QuicAppFactory, serve } from "quicd";

const LINE_BYTES_MAX = 4096;
const members = new Set<ConnectionHandle>();

const chat: QuicAppFactory = {
  acceptsAlpn: (alpn) => alpn === "chat",

  async spawnApp(_alpn, me, events) {
    members.add(me);
    for await (const event of events) {
      if (event.type === "NewStream") relayLine(me, event.receive).catch(console.error);
      if (event.type !== "Datagram") continue;
      for (const member of members) if (member !== me) member.sendDatagram(event.chunk.bytes());
      event.chunk.release();
    }
    members.delete(me);
  },
};

async function relayLine(from: ConnectionHandle, chunks: AsyncIterable<Chunk>): Promise<void> {
  let line = Buffer.alloc(0);
  for await (const chunk of chunks) {
    line = Buffer.concat([line, chunk.bytes()]);
    if (line.length > LINE_BYTES_MAX) return; // which stops the stream
  }
  const others = [...members].filter((member) => member !== from);
  const streams = others.map((member) => member.openUnidirectional());
  await Promise.allSettled(streams.map(async (stream) => (await stream).write(line, true)));
}

const registry = new AppRegistry().register("chat", chat);
const { port } = await serve({ port: Number(process.argv[2] ?? 4433), registry, signals: true });
console.log(`chat on UDP port ${port}`);
