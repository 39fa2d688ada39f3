/**
 *   bun interop/lab/main.ts
 *   bun interop/lab/main.ts --bytes 10000000 --cross-traffic cubic --seed 7 --scenario \
 *     "drop-rate --delay=15ms --bandwidth=10Mbps --queue=25 --rate_to_server=2 --rate_to_client=2"
 *   bun interop/lab/main.ts --server "CMD" --client "CMD" --testcase http3 --confined
 *   bun interop/lab/main.ts --hold
 *
 * A lab by hand: one transfer of one file between two endpoints, quic-go's unless told otherwise,
 * with captures, logs and counters kept in --folder. The commands are entry points as in the
 * runner's images, run by sh. --host server6: over IPv6. --hold: no run; the network stays until
 * standard input gives a line or ends, for `nsenter`. Needs root.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RunFolder } from "../runner/run_folder.ts";
import type { Lab } from "./lab.ts";
import { labUnavailable, openLab } from "./open_lab.ts";
import { QUIC_GO, transfer } from "./transfer.ts";

const TEXT = { type: "string" } as const;
const FLAG = { type: "boolean" } as const;

const { values } = parseArgs({
  options: {
    scenario: { ...TEXT, default: "simple-p2p --delay=15ms --bandwidth=10Mbps --queue=25" },
    seed: { ...TEXT, default: "1" },
    corrupt: { ...TEXT, default: "deliver" },
    server: { ...TEXT, default: QUIC_GO.server },
    client: { ...TEXT, default: QUIC_GO.client },
    testcase: { ...TEXT, default: "transfer" },
    host: { ...TEXT, default: "server4" },
    bytes: { ...TEXT, default: "1000000" },
    folder: TEXT,
    "cross-traffic": TEXT,
    confined: { ...FLAG, default: false },
    hold: { ...FLAG, default: false },
  },
});

/** The flag's value, when it is one of those that it may have. */
function oneOf<T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new Error(`--${flag} ${text}: give ${allowed.join(", ")}`);
  return found;
}

async function run(lab: Lab, folder: RunFolder): Promise<boolean> {
  const traffic = values["cross-traffic"];
  const result = await transfer(lab, {
    folder,
    scenario: values.scenario,
    seed: Number(values.seed),
    corrupt: oneOf("corrupt", values.corrupt, ["deliver", "drop"]),
    bytes: Number(values.bytes),
    host: oneOf("host", values.host, ["server4", "server6", "server46"]),
    testcase: values.testcase,
    commands: { server: values.server, client: values.client },
    confined: values.confined,
    ...(traffic !== undefined && {
      crossTraffic: oneOf("cross-traffic", traffic, ["cubic", "reno", "bbr"]),
    }),
  });
  const rate = ((Number(values.bytes) * 8) / result.seconds / 1e6).toFixed(2);
  console.log(`exit codes ${JSON.stringify(result.exitCodes)}, file equal: ${result.equal}`);
  console.log(`${result.seconds.toFixed(2)} s, ${rate} Mbit/s, the client's start included`);
  if (traffic !== undefined) {
    const beside = ((result.trafficBytes * 8) / result.seconds / 1e6).toFixed(2);
    console.log(`${beside} Mbit/s of TCP (${traffic}) beside it`);
  }
  console.log(result.counters);
  console.log(`kept in ${folder.path}`);
  return result.exitCodes.client === 0 && result.equal;
}

const reason = labUnavailable();
if (reason !== null) {
  console.error(reason);
  process.exit(3);
}
const lab = await openLab();
let good = true;
try {
  if (values.hold) {
    for (const [name, holder] of Object.entries(lab.holders)) {
      console.log(`${name}: nsenter --net=/proc/${holder}/ns/net`);
    }
    await Bun.stdin.stream().getReader().read();
  } else {
    good = await run(lab, new RunFolder(values.folder ?? mkdtempSync(join(tmpdir(), "lab-"))));
  }
} finally {
  await lab.close();
}
process.exit(good ? 0 : 1);
