/** What the far end of the link does to packets, scenario by scenario. */
import { describe, expect, test } from "bun:test";
import { createErrorModels, type Fate } from "../../interop/lab/simulator/error_models.ts";
import { parseScenario } from "../../interop/lab/simulator/scenario.ts";
import { checksumsHold, payloadOf, TO_CLIENT, TO_SERVER, udpPacket } from "./packets.ts";

const LINK = "--delay=15ms --bandwidth=10Mbps --queue=25";
const RATES = "--rate-to-server=30 --rate-to-client=30 --burst-to-server=3 --burst-to-client=3";
const IPV6 = {
  source: "fd00:cafe:cafe:0::100",
  destination: "fd00:cafe:cafe:100::100",
  sourcePort: 50_000,
  destinationPort: 443,
};

function models(text: string, seed = 1, corrupt: "deliver" | "drop" = "deliver") {
  const log = () => undefined;
  return createErrorModels(parseScenario(text), { seed, corrupt, log });
}

/** What becomes of so many equal packets to the server. */
function fates(text: string, count: number, seed = 1, corrupt?: "deliver" | "drop"): Fate[] {
  const { server } = models(text, seed, corrupt);
  return Array.from({ length: count }, () => {
    const packet = udpPacket(new Uint8Array(100).fill(0x41));
    return server.meet(packet, packet.udpAt, 0);
  });
}

describe("drop-rate", () => {
  test("loses at the rate, and never more in a row than the burst", () => {
    const met = fates(`drop-rate ${LINK} ${RATES}`, 20_000);
    const runs = met.map((fate) => (fate === "lost" ? "x" : ".")).join("");
    expect(runs).toContain("xxx.");
    expect(runs).not.toContain("xxxx");
    const rate = runs.replaceAll(".", "").length / met.length;
    // Without the bound 30 %; after three in a row, of which there are 2.7 %, one is let through.
    expect(rate).toBeGreaterThan(0.28);
    expect(rate).toBeLessThan(0.3);
  });

  test("a seed repeats exactly, another is another", () => {
    const text = `drop-rate ${LINK} ${RATES}`;
    expect(fates(text, 500, 7)).toEqual(fates(text, 500, 7));
    expect(fates(text, 500, 7)).not.toEqual(fates(text, 500, 8));
  });

  test("one direction's traffic does not change the other's losses", () => {
    const alone = fates(`drop-rate ${LINK} ${RATES}`, 100);
    const { client, server } = models(`drop-rate ${LINK} ${RATES}`);
    const met = alone.map(() => {
      const back = udpPacket(new Uint8Array(20), TO_CLIENT);
      client.meet(back, back.udpAt, 0);
      const packet = udpPacket(new Uint8Array(100));
      return server.meet(packet, packet.udpAt, 0);
    });
    expect(met).toEqual(alone);
  });
});

describe("corrupt-rate", () => {
  const ALL = "--rate-to-server=100 --rate-to-client=0";

  test.each([
    ["IPv4", TO_SERVER],
    ["IPv6", IPV6],
  ])("changes one byte of the first 51, with checksums that hold, over %s", (_name, ends) => {
    const { server } = models(`corrupt-rate ${LINK} ${ALL}`);
    const places = new Set<number>();
    for (let i = 0; i < 2000; i++) {
      const packet = udpPacket(new Uint8Array(1201).fill(0xc1), ends);
      expect(server.meet(packet, packet.udpAt, 0)).toBe("damaged");
      const changed = [...payloadOf(packet).entries()].filter(([, byte]) => byte !== 0xc1);
      expect(changed.length).toBe(1);
      expect(checksumsHold(packet)).toBe(true);
      places.add(changed[0]?.[0] ?? -1);
    }
    expect([...places].sort((a, b) => a - b)).toEqual(Array.from({ length: 51 }, (_, i) => i));
  });

  test("a payload of one byte is damaged there", () => {
    const { server } = models(`corrupt-rate ${LINK} ${ALL}`);
    const packet = udpPacket(new Uint8Array([7]));
    expect(server.meet(packet, packet.udpAt, 0)).toBe("damaged");
    expect(payloadOf(packet)[0]).not.toBe(7);
  });

  test("never a Version Negotiation packet", () => {
    const { server } = models(`corrupt-rate ${LINK} ${ALL}`);
    const payload = new Uint8Array([0xc5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const packet = udpPacket(payload);
    expect(server.meet(packet, packet.udpAt, 0)).toBe("passes");
    expect(payloadOf(packet)).toEqual(payload);
  });

  test("read as loss it hits the same packets", () => {
    const text = `corrupt-rate ${LINK} ${RATES}`;
    const damaged = fates(text, 500, 3, "deliver").map((fate) => fate === "damaged");
    const lost = fates(text, 500, 3, "drop").map((fate) => fate === "lost");
    expect(damaged).toContain(true);
    expect(lost).toEqual(damaged);
  });
});

test("droplist: by number, from 1", () => {
  const met = fates(`droplist ${LINK} --drops_to_server=2,3,4,5,6,7`, 9);
  const lost = met.flatMap((fate, i) => (fate === "lost" ? [i + 1] : []));
  expect(lost).toEqual([2, 3, 4, 5, 6, 7]);
});

test("blackhole: open, shut, open for good", () => {
  const { client, server } = models(`blackhole ${LINK} --on=5s --off=2s --direction=to-client`);
  const packet = udpPacket(new Uint8Array(20));
  const at = (seconds: number) => client.meet(packet, packet.udpAt, seconds * 1e9);
  expect([0, 4.999, 5, 6.999, 7, 13].map(at)).toEqual([
    ...(["passes", "passes", "lost", "lost", "passes", "passes"] as const),
  ]);
  expect(server.meet(packet, packet.udpAt, 5e9)).toBe("passes");
});
