/**
 * The seven WebTransport cases of the QUIC Interop Runner, in its order: sessions over HTTP/3 whose
 * files are requested by either side with "GET name" (../README.md). How they are judged:
 * ../judge/webtransport_rules.ts.
 */
import type { Case, CasePlan, Role } from "./case.ts";
import { slugs } from "./file_names.ts";

const KB = 1024;
const MB = 1024 * KB;
const prefix = "https://server4:443/";

const streamFiles: readonly number[] = [100 * KB, 500 * KB, 250 * KB, MB, 2 * MB];
/** Each fits into one datagram. */
const datagramFiles: readonly number[] = Array.from({ length: 200 }, (_, i) => 600 + 2 * i);

const kinds = [
  { name: "unidirectional", letter: "U", files: streamFiles, over: "unidirectional streams" },
  { name: "bidirectional", letter: "B", files: streamFiles, over: "bidirectional streams" },
  { name: "datagram", letter: "D", files: datagramFiles, over: "datagrams" },
] as const;

/** Who asks for files: the client receives them, or it sends them. */
const directions = [
  { name: "receive", letter: "R", requester: "client", description: "The client fetches files" },
  { name: "send", letter: "S", requester: "server", description: "The server fetches files" },
] as const;

/** Five protocols each; two are common to both, and each prefers another one of them. */
function handshakePlan(random: () => number): CasePlan {
  const slug = slugs(random);
  const endpoint = slug();
  const offered: Record<Role, string[]> = {
    client: Array.from({ length: 5 }, slug),
    server: Array.from({ length: 5 }, slug),
  };
  const first = Math.floor(random() * 4);
  const second = first + 1 + Math.floor(random() * (4 - first));
  const [one, other] = [slug(), slug()];
  offered.client[first] = one;
  offered.client[second] = other;
  offered.server[first] = other;
  offered.server[second] = one;
  return {
    files: { client: [], server: [] },
    folders: [endpoint],
    requests: { client: prefix + endpoint, server: "" },
    protocols: { client: offered.client.join(" "), server: offered.server.join(" ") },
  };
}

function transferPlan(random: () => number, sizes: readonly number[], requester: Role): CasePlan {
  const slug = slugs(random);
  const endpoint = slug();
  const protocol = slug();
  const files = sizes.map((bytes) => ({ name: `${endpoint}/${slug()}`, bytes }));
  const names = files.map((file) => file.name);
  const byClient = requester === "client";
  return {
    files: { client: byClient ? [] : files, server: byClient ? files : [] },
    folders: [endpoint],
    requests: {
      // Without a file the client opens the session and answers.
      client: byClient ? names.map((name) => prefix + name).join(" ") : prefix + endpoint,
      server: byClient ? "" : names.join(" "),
    },
    protocols: { client: protocol, server: protocol },
  };
}

const common = {
  kind: "test",
  suite: "webtransport",
  host: "server4",
  scenario: "simple-p2p --delay=15ms --bandwidth=10Mbps --queue=25",
  timeoutSeconds: 60,
  repetitions: 1,
  chainLength: 1,
  crossTraffic: false,
} as const;

const transfers: readonly Case[] = kinds.flatMap((kind) =>
  directions.map((direction) => {
    const name = `transfer-${kind.name}-${direction.name}`;
    const testcase = { client: "transfer", server: "transfer" };
    testcase[direction.requester] = name;
    return {
      ...common,
      name,
      abbreviation: kind.letter + direction.letter,
      description: `${direction.description} over ${kind.over} of a session.`,
      testcase,
      plan: (random: () => number) => transferPlan(random, kind.files, direction.requester),
    };
  }),
);

export const WEBTRANSPORT_CASES: readonly Case[] = [
  {
    ...common,
    name: "handshake",
    abbreviation: "H",
    description: "A session, and both agree on the client's first protocol that the server has.",
    testcase: { client: "handshake", server: "handshake" },
    plan: handshakePlan,
  },
  ...transfers,
];
