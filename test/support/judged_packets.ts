/** Hand-made captures for the judge's rules. */
import type { CasePlan, Role } from "../../interop/cases/case.ts";
import type { Evidence } from "../../interop/judge/evidence.ts";
import {
  type Datagram,
  emptyDatagram,
  emptyPacket,
  type Packet,
  type PacketType,
} from "../../interop/judge/packet.ts";
import { RunFolder } from "../../interop/runner/run_folder.ts";

export function packet(type: PacketType, fields: Partial<Packet> = {}): Packet {
  const version = type === "1rtt" ? 0 : 1;
  return { ...emptyPacket(type), version, ...fields };
}

const ADDRESSES: Record<Role, string> = { client: "193.167.0.100", server: "193.167.100.100" };

/** From port 50000 of the client to port 443 of the server or back, unless `fields` say else. */
export function sent(
  sender: Role,
  packets: Packet | Packet[],
  fields: Partial<Datagram> = {},
): Datagram {
  const other = sender === "client" ? "server" : "client";
  return {
    ...emptyDatagram(),
    sender,
    source: ADDRESSES[sender],
    sourcePort: sender === "client" ? 50000 : 443,
    destination: ADDRESSES[other],
    destinationPort: sender === "client" ? 443 : 50000,
    payloadBytes: 1200,
    packets: Array.isArray(packets) ? packets : [packets],
    ...fields,
  };
}

const noFiles: CasePlan = {
  files: { client: [], server: [] },
  folders: [],
  requests: { client: "", server: "" },
  protocols: { client: "", server: "" },
};

/** Numbers the datagrams of both sides from 1. */
export function evidence(
  sides: { left?: Datagram[]; right?: Datagram[] },
  plan: CasePlan = noFiles,
  folder = new RunFolder("/nowhere"),
): Evidence {
  const numbered = (datagrams: Datagram[] = []) =>
    datagrams.map((datagram, i) => ({ ...datagram, frame: i + 1 }));
  return { plan, folder, left: numbered(sides.left), right: numbered(sides.right) };
}
