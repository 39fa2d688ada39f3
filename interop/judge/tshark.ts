/** Runs Wireshark's tshark over a capture. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const peers = process.env.QUICD_PEERS_DIR ?? join(import.meta.dir, "../../build/peers");
const program = join(peers, "tshark/tshark");
/** Its own data, and nobody's preferences. */
const environment = {
  ...process.env,
  WIRESHARK_DATA_DIR: join(peers, "tshark/root/usr/share/wireshark"),
  WIRESHARK_CONFIG_DIR: join(peers, "tshark/no_preferences"),
};

/** Null when there is a tshark; else why not, with the remedy. */
export function tsharkUnavailable(): string | null {
  if (existsSync(join(peers, "tshark/installed"))) return null;
  return "tshark is not installed. Remedy: interop/peers/install.sh tshark";
}

export interface TsharkOptions {
  capture: string;
  /** Null: nothing past the Initial packets can be decrypted. */
  keyLog: string | null;
  /** A display filter. */
  filter: string;
  /** "-T" and what belongs to it. */
  format: readonly string[];
}

/**
 * What tshark prints. It reads a capture that ends within a packet as far as it goes, as after a
 * run that was cut short.
 *
 * @throws when it can't read the capture at all.
 */
export async function tshark(options: TsharkOptions): Promise<string> {
  const keys = options.keyLog === null ? [] : ["-o", `tls.keylog_file:${options.keyLog}`];
  const child = Bun.spawn(
    [
      program,
      // No names for addresses and ports.
      "-n",
      "-r",
      options.capture,
      ...keys,
      "-d",
      "udp.port==443,quic",
      // Its view of what is in the streams costs time and is not asked for.
      "--disable-protocol",
      "http3",
      "-Y",
      options.filter,
      ...options.format,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: environment },
  );
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0 && !/cut short/.test(errors)) {
    throw new Error(`tshark ended with ${code} over ${options.capture}: ${errors.trim()}`);
  }
  return output;
}
