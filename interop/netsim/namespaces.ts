/**
 * Client, middle and server as network namespaces of their own: see hold_namespaces.sh, which makes
 * and removes them.
 */
import { readLine } from "./read_line.ts";

const SCRIPT = `${import.meta.dir}/hold_namespaces.sh`;

export const CLIENT_ADDRESS = "192.0.2.2";
/** Where the client finds the relay. */
export const RELAY_ADDRESS = "192.0.2.1";
export const SERVER_ADDRESS = "198.51.100.2";
/** What the server may see the client come from. */
export const NAT_ADDRESSES: readonly string[] = Array.from(
  { length: 64 },
  (_, i) => `198.51.100.${i + 11}`,
);

export interface Namespaces {
  readonly client: string;
  readonly middle: string;
  readonly server: string;
  close(): Promise<void>;
}

/** Null when namespaces can be made here; else why not. */
export function namespacesUnavailable(): string | null {
  const check = Bun.spawnSync(["bash", SCRIPT, "--check"], { stderr: "pipe" });
  if (check.exitCode === 0) return null;
  const why = check.stderr.toString().trim().split("\n")[0] ?? "";
  return `no network namespaces here (${why || "no `ip` command"}): needs root and iproute2`;
}

export async function openNamespaces(): Promise<Namespaces> {
  const holder = Bun.spawn(["bash", SCRIPT], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const line = await readLine(holder.stdout);
  const [client, middle, server] = (line ?? "").split(" ");
  if (client === undefined || middle === undefined || server === undefined) {
    throw new Error("hold_namespaces.sh made no namespaces");
  }
  return {
    client,
    middle,
    server,
    close: async () => {
      holder.stdin.end();
      await holder.exited;
    },
  };
}

/** The words to put before a command so that it runs in a namespace. */
export function inNamespace(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ["ip", "netns", "exec", namespace];
}
