/**
 * Client, middle and server as network namespaces of their own: see hold_namespaces.sh, which makes
 * and removes them.
 */
import { readLine } from "./read_line.ts";

const SCRIPT = `${import.meta.dir}/hold_namespaces.sh`;

/** How many addresses the server may see a client come from. */
const NAT_COUNT = 64;

export interface Addresses {
  client: string;
  /** Where the client finds the relay. */
  relay: string;
  server: string;
  /** What the server may see the client come from. */
  nat: readonly string[];
}

export const IPV4: Addresses = {
  client: "192.0.2.2",
  relay: "192.0.2.1",
  server: "198.51.100.2",
  nat: Array.from({ length: NAT_COUNT }, (_, i) => `198.51.100.${i + 11}`),
};

export const IPV6: Addresses = {
  client: "2001:db8:1::2",
  relay: "2001:db8:1::1",
  server: "2001:db8:2::2",
  nat: Array.from({ length: NAT_COUNT }, (_, i) => `2001:db8:2::${(i + 11).toString(16)}`),
};

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

/** From now on the server's device gathers trains. Null, or why it can't. */
export function gatherTrains({ server }: Namespaces): string | null {
  const outcome = Bun.spawnSync(["bash", SCRIPT, "--gather", server], { stderr: "pipe" });
  if (outcome.exitCode === 0) return null;
  const why = outcome.stderr.toString().trim().split("\n")[0] ?? "";
  return `the server's device gathers no trains (${why}): needs ethtool and threaded NAPI`;
}

/** The words to put before a command so that it runs in a namespace. */
export function inNamespace(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ["ip", "netns", "exec", namespace];
}
