/** What a run left behind, and what a rule is. */
import type { CasePlan, Role } from "../cases/case.ts";
import type { RunFolder } from "../runner/run_folder.ts";
import type { Datagram, Packet, PacketType } from "./packet.ts";

export interface Evidence {
  plan: CasePlan;
  folder: RunFolder;
  /** Captured between client and simulator: what the client sent, and what arrived there. */
  left: readonly Datagram[];
  /** Captured between simulator and server. */
  right: readonly Datagram[];
}

/** What it found wrong, each a sentence with the figures; empty when nothing. */
export type Rule = (evidence: Evidence) => string[];

export interface FoundPacket {
  packet: Packet;
  datagram: Datagram;
}

export function packetsOf(
  datagrams: readonly Datagram[],
  sender: Role,
  type: PacketType,
): FoundPacket[] {
  return sentBy(datagrams, sender).flatMap((datagram) =>
    datagram.packets
      .filter((packet) => packet.type === type)
      .map((packet) => ({ packet, datagram })),
  );
}

export function sentBy(datagrams: readonly Datagram[], sender: Role): Datagram[] {
  return datagrams.filter((datagram) => datagram.sender === sender);
}

/** "0x1, 0x6b3343cf" */
export function hexNumbers(numbers: Iterable<number>): string {
  const list = [...numbers].map((number) => `0x${number.toString(16)}`);
  return list.length === 0 ? "none" : list.join(", ");
}
