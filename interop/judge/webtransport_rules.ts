/** Which rules hold for which WebTransport case. The version is not looked at. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WEBTRANSPORT_CASES } from "../cases/webtransport_cases.ts";
import type { Rule } from "./evidence.ts";
import { endpointFilesArrived } from "./file_rules.ts";
import { handshakes } from "./handshake_rules.ts";
import type { Judgement } from "./quic_rules.ts";

/** Both write down the client's first protocol that the server has too. */
export const negotiatedProtocol: Rule = ({ plan, folder }) => {
  const [client, server] = [plan.protocols.client.split(" "), plan.protocols.server.split(" ")];
  const expected = client.find((protocol) => server.includes(protocol));
  return (["client", "server"] as const).flatMap((role) => {
    const path = join(folder.downloads(role), "negotiated_protocol.txt");
    if (!existsSync(path)) return [`The ${role} wrote no ${path}.`];
    const found = readFileSync(path, "utf8").trim();
    if (found === expected) return [];
    return [`The ${role} negotiated the protocol "${found}", expected "${expected}".`];
  });
};

export const WEBTRANSPORT_JUDGEMENTS: ReadonlyMap<string, Judgement> = new Map(
  WEBTRANSPORT_CASES.map(({ name }) => [
    name,
    { rules: [handshakes(1), name === "handshake" ? negotiatedProtocol : endpointFilesArrived] },
  ]),
);
