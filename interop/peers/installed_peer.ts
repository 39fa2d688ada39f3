/** A peer of this folder, as interop/peers/install.sh installs it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint } from "./endpoint.ts";

const PEERS = process.env.QUICD_PEERS_DIR ?? join(import.meta.dir, "../../build/peers");

export interface PeerOptions extends Pick<Endpoint, "description" | "roles"> {
  /** As the matrix shows it; the folder interop/peers/<name>/ has its entry point. */
  name: string;
  suites?: Endpoint["suites"];
  /** What install.sh calls it, when that is not its name. */
  installer?: string;
}

export function installedPeer(options: PeerOptions): Endpoint {
  const { name, roles, suites = ["quic"], installer = name } = options;
  // The version, where the installer finds it rather than demands it.
  const version = join(PEERS, installer, "version");
  const text = existsSync(version) ? readFileSync(version, "utf8") : "";
  const found = (/\d+(\.\d+)+/.exec(text)?.[0] ?? "").replace(/^./, " $&");
  return {
    name,
    description: options.description + found,
    roles,
    suites,
    command: [join(import.meta.dir, name, "run_endpoint.sh")],
    missing: () =>
      existsSync(join(PEERS, installer, "installed"))
        ? null
        : `${name} is not installed. Remedy: interop/peers/install.sh ${installer}`,
  };
}
