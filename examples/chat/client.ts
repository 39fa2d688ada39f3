/** bun examples/chat/client.ts NAME [PORT]: what is typed reaches everybody else. */
import { connect } from "quicd";

const [name, port = "4433"] = process.argv.slice(2);
// The server's development certificate is one that nobody vouches for.
const tls = { verify: false };
const chat = await connect({ host: "localhost", port: Number(port), alpn: "chat", tls });
console.log(`* you are ${name}`);
chat.sendDatagram(Buffer.from(`${name} is here`));
listen().catch(console.error);
for await (const line of console) {
  const send = await chat.openUnidirectional();
  await send.write(Buffer.from(`${name}: ${line}\n`), true);
}
await chat[Symbol.asyncDispose]();

async function listen(): Promise<void> {
  for await (const event of chat.events) {
    if (event.type === "Datagram") console.log(`* ${Buffer.from(event.chunk.bytes())}`);
    if (event.type === "Datagram") event.chunk.release();
    if (event.type !== "NewStream") continue;
    for await (const chunk of event.receive) process.stdout.write(chunk.bytes());
  }
}
