import { describe, expect, test } from "bun:test";
import type { Case } from "../../interop/cases/case.ts";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import { WEBTRANSPORT_CASES } from "../../interop/cases/webtransport_cases.ts";
import { createRandom } from "../../interop/netsim/random.ts";

const KB = 1024;
const MB = 1024 * KB;

/** Name, abbreviation, TESTCASE of client and server, bytes of all files, number of files. */
const quic = `
handshake H handshake handshake ${KB} 1
transfer DC transfer transfer ${10 * MB} 3
longrtt LR handshake handshake ${KB} 1
chacha20 C20 chacha20 chacha20 ${3 * MB} 1
multiplexing M transfer transfer ${1999 * 32} 1999
retry S retry retry ${10 * KB} 1
resumption R resumption resumption ${15 * KB} 2
zerortt Z zerortt zerortt ${40 * 32} 40
http3 3 http3 http3 ${515 * KB} 3
blackhole B transfer transfer ${10 * MB} 1
keyupdate U keyupdate transfer ${3 * MB} 1
ecn E ecn ecn ${100 * KB} 1
amplificationlimit A transfer transfer ${5 * KB} 1
handshakeloss L1 multiconnect multiconnect ${50 * KB} 50
transferloss L2 transfer transfer ${2 * MB} 1
handshakecorruption C1 multiconnect multiconnect ${50 * KB} 50
transfercorruption C2 transfer transfer ${2 * MB} 1
ipv6 6 transfer transfer ${15 * KB} 2
v2 V2 v2 v2 ${KB} 1
rebind-port BP transfer transfer ${10 * MB} 1
rebind-addr BA transfer transfer ${10 * MB} 1
connectionmigration CM transfer connectionmigration ${2 * MB} 1
goodput G transfer transfer ${10 * MB} 1
crosstraffic C transfer transfer ${25 * MB} 1`;

const webtransport = `
handshake H handshake handshake 0 0
transfer-unidirectional-receive UR transfer-unidirectional-receive transfer ${3922 * KB} 5
transfer-unidirectional-send US transfer transfer-unidirectional-send ${3922 * KB} 5
transfer-bidirectional-receive BR transfer-bidirectional-receive transfer ${3922 * KB} 5
transfer-bidirectional-send BS transfer transfer-bidirectional-send ${3922 * KB} 5
transfer-datagram-receive DR transfer-datagram-receive transfer 159800 200
transfer-datagram-send DS transfer transfer-datagram-send 159800 200`;

const row = (case_: Case) => {
  const plan = case_.plan(createRandom(1));
  const files = [...plan.files.client, ...plan.files.server];
  const { name, abbreviation, testcase } = case_;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return [name, abbreviation, testcase.client, testcase.server, bytes, files.length].join(" ");
};
const table = (cases: readonly Case[]) => `\n${cases.map(row).join("\n")}`;
const quicCase = (name: string) => QUIC_CASES.find((case_) => case_.name === name)!;
const all = [...QUIC_CASES, ...WEBTRANSPORT_CASES];

describe("the tables of interop cases", () => {
  test("have the runner's names, abbreviations, TESTCASEs and files", () => {
    expect(table(QUIC_CASES)).toBe(quic);
    expect(table(WEBTRANSPORT_CASES)).toBe(webtransport);
  });

  test("draw the same plan from the same seed, and names that differ within it", () => {
    for (const case_ of all) {
      const plan = case_.plan(createRandom(7));
      expect(case_.plan(createRandom(7))).toEqual(plan);
      expect(case_.plan(createRandom(8))).not.toEqual(plan);
      const names = [...plan.files.client, ...plan.files.server].map((file) => file.name);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  test("request every file of the server from the host that the case is about", () => {
    const hosts = new Map([
      ["ipv6", "server6"],
      ["connectionmigration", "server46"],
    ]);
    for (const case_ of QUIC_CASES) {
      const { files, requests } = case_.plan(createRandom(3));
      const prefix = `https://${hosts.get(case_.name) ?? "server4"}:443/`;
      expect(requests.client).toBe(files.server.map((file) => prefix + file.name).join(" "));
      expect(requests.server).toBe("");
    }
  });

  test("name zerortt's files with 250 letters", () => {
    for (const { name } of quicCase("zerortt").plan(createRandom(1)).files.server) {
      expect(name).toMatch(/^[a-z]{250}$/);
    }
  });

  test("have the runner's timeouts, chains and repetitions", () => {
    const other = (value: (case_: Case) => number, usual: number) =>
      all.filter((case_) => value(case_) !== usual).map((case_) => [case_.name, value(case_)]);
    expect(other((case_) => case_.timeoutSeconds, 60)).toEqual([
      ["handshakeloss", 300],
      ["handshakecorruption", 300],
      ["crosstraffic", 180],
    ]);
    expect(other((case_) => case_.chainLength, 1)).toEqual([["amplificationlimit", 9]]);
    expect(other((case_) => case_.repetitions, 1)).toEqual([
      ["goodput", 5],
      ["crosstraffic", 5],
    ]);
  });
});

describe("the WebTransport cases", () => {
  test("share two protocols of five, in swapped positions", () => {
    for (let seed = 0; seed < 50; seed++) {
      const { protocols } = WEBTRANSPORT_CASES[0]!.plan(createRandom(seed));
      const [client, server] = [protocols.client.split(" "), protocols.server.split(" ")];
      const shared = client.filter((name) => server.includes(name));
      expect([client.length, server.length, shared.length]).toEqual([5, 5, 2]);
      expect(client.indexOf(shared[0]!)).toBe(server.indexOf(shared[1]!));
      expect(client.indexOf(shared[1]!)).toBe(server.indexOf(shared[0]!));
    }
  });

  test("let the requester ask for the other's files, in the endpoint's folder", () => {
    for (const case_ of WEBTRANSPORT_CASES.slice(1)) {
      const { files, folders, requests, protocols } = case_.plan(createRandom(5));
      const [endpoint] = folders;
      const names = [...files.client, ...files.server].map((file) => file.name);
      expect(names.every((name) => name.startsWith(`${endpoint}/`))).toBe(true);
      expect(protocols.client).toBe(protocols.server);
      const prefix = "https://server4:443/";
      if (case_.name.endsWith("receive")) {
        expect(requests.client).toBe(names.map((name) => prefix + name).join(" "));
        expect([requests.server, files.client.length]).toEqual(["", 0]);
      } else {
        expect(requests).toEqual({ client: `${prefix}${endpoint}`, server: names.join(" ") });
        expect(files.server.length).toBe(0);
      }
    }
  });
});
