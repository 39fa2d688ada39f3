/**
 * The simulator's network namespaces: they separate, they connect through the relay, and they go
 * away.
 */
import { describe, expect, test } from "bun:test";
import {
  IPV4,
  IPV6,
  inNamespace,
  namespacesUnavailable,
  openNamespaces,
} from "../../interop/netsim/namespaces.ts";
import { readLine } from "../../interop/netsim/read_line.ts";
import { startNetsim } from "../../interop/netsim/spawn.ts";
import { authorityOf } from "../support/network_place.ts";
import { skipReason } from "../support/peer.ts";

const noNamespaces = skipReason(namespacesUnavailable());
describe.skipIf(noNamespaces)("namespaces", () => {
  test.each([
    ["IPv4", IPV4],
    ["IPv6", IPV6],
  ])("client and server meet only through the relay, %s; none of it stays", async (_, place) => {
    const spaces = await openNamespaces();
    const names = [spaces.client, spaces.middle, spaces.server];
    // A UDP echo in the server's namespace, and a client in its own that asks it twice, once after
    // a rebinding.
    const server = Bun.spawn(
      [...inNamespace(spaces.server), process.execPath, "-e", ECHO_SERVER, place.server],
      { stdout: "pipe", stderr: "inherit" },
    );
    const port = Number(new TextDecoder().decode((await server.stdout.getReader().read()).value));
    const netsim = await startNetsim(
      [
        ...["--server", authorityOf(place.server, port), "--listen", authorityOf(place.relay, 0)],
        ...["--addresses", place.nat.join(",")],
      ],
      spaces.middle,
    );
    const ask = (host: string, to: number) =>
      Bun.spawnSync(
        [
          ...[...inNamespace(spaces.client), process.execPath, "-e", ASK],
          ...[host, `${to}`, place.client],
        ],
        { stdout: "pipe", stderr: "inherit" },
      )
        .stdout.toString()
        .trim();
    const sources = [ask(netsim.host, netsim.port)];
    await netsim.rebind("address");
    sources.push(ask(netsim.host, netsim.port));
    const direct = ask(place.server, port);
    await netsim.stop();
    server.kill();
    await spaces.close();
    expect(sources.map((source) => source.split(" ")[0])).toEqual(place.nat.slice(0, 2));
    expect(direct).toBe("none");
    const left = Bun.spawnSync(["ip", "netns", "list"]).stdout.toString();
    for (const name of names) expect(left).not.toContain(name);
  });

  test("they go away too when the process that asked for them is killed", async () => {
    const module = `${import.meta.dir}/../../interop/netsim/namespaces.ts`;
    const code = `console.log((await (await import("${module}")).openNamespaces()).client);
      setInterval(() => {}, 1000);`;
    const owner = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe" });
    const name = (await readLine(owner.stdout)) ?? "";
    const listed = () => Bun.spawnSync(["ip", "netns", "list"]).stdout.toString();
    expect(name).not.toBe("");
    expect(listed()).toContain(name);
    owner.kill("SIGKILL");
    await owner.exited;
    for (let i = 0; i < 50 && listed().includes(name); i++) await Bun.sleep(50);
    expect(listed()).not.toContain(name);
  });
});

/** Answers with the source address it saw. */
const ECHO_SERVER = `
  const socket = await Bun.udpSocket({ hostname: process.argv[1], socket: {
    data: (self, bytes, port, address) => void self.send(address + " " + port, port, address) } });
  console.log(socket.port);
  setTimeout(() => process.exit(0), 15000);`;

const ASK = `
  const [host, port, hostname] = process.argv.slice(1);
  const data = (_, bytes) => { console.log(bytes.toString()); process.exit(0); };
  const socket = await Bun.udpSocket({ hostname, socket: { data } });
  try { socket.send("ask", Number(port), host); } catch {}
  setTimeout(() => { console.log("none"); process.exit(0); }, 400);`;
