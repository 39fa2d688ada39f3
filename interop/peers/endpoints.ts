/** Everyone who takes part in the interop runner. Each has its entry point in a folder beside. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint } from "./endpoint.ts";
import { installedPeer } from "./installed_peer.ts";

const BOTH = ["client", "server"] as const;

const LIBRARY = join(import.meta.dir, "../../build/lib/quicd.node");

const quicd: Endpoint = {
  name: "quicd",
  description: "this server and client, over their public interface",
  roles: BOTH,
  command: [join(import.meta.dir, "../run_endpoint.sh")],
  suites: ["quic"],
  missing: () =>
    existsSync(LIBRARY) ? null : `${LIBRARY} is not there. Remedy: ./setup, or bun run build`,
};

export const ENDPOINTS: readonly Endpoint[] = [
  quicd,
  installedPeer({
    name: "quic_go",
    description: "quic-go 0.65.0, its published interop programs",
    roles: BOTH,
  }),
  installedPeer({
    name: "ngtcp2",
    description: "ngtcp2's examples with OpenSSL,",
    roles: BOTH,
    installer: "ngtcp2_hq",
  }),
  installedPeer({ name: "nginx", description: "nginx", roles: ["server"] }),
  installedPeer({
    name: "aioquic",
    description: "aioquic 1.7.2 (TLS of its own), programs of this repository",
    roles: BOTH,
  }),
  installedPeer({
    name: "picoquic",
    description: "picoquic 1.1.53 through aiopquic 0.6.1, programs of this repository",
    roles: BOTH,
  }),
  installedPeer({ name: "curl", description: "curl", roles: ["client"] }),
  installedPeer({ name: "chromium", description: "Chromium, headless", roles: ["client"] }),
  installedPeer({
    name: "webtransport_go",
    description: "webtransport-go 0.13.0, its published interop programs",
    roles: BOTH,
    suites: ["webtransport"],
  }),
];
