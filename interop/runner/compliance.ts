/**
 * What the runner asks of every image before it uses it: a test case that nobody knows is answered
 * with exit code 127, by the client with the simulator beside it, by the server all alone.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../src/config/user_error.ts";
import type { Case, Role } from "../cases/case.ts";
import type { Lab } from "../lab/lab.ts";
import { labUnavailable, openLab } from "../lab/open_lab.ts";
import { ENDPOINTS } from "../peers/endpoints.ts";
import { parseInteropArguments, USAGE } from "./arguments.ts";
import { environmentOf, messageOf, UNSUPPORTED } from "./cell_run.ts";
import { CERTIFICATES, certificateFolder } from "./certificates.ts";
import type { Participant } from "./participant.ts";
import { RunFolder } from "./run_folder.ts";
import { select } from "./selection.ts";

const SCENARIO = "simple-p2p --delay=15ms --bandwidth=10Mbps --queue=25";
/** A client may wait 30 s for the simulator before it looks at the test case: it is allowed. */
const LIMIT_MS = 60_000;

/** Null when it complies; else what it did instead. */
export async function complianceFault(
  lab: Lab,
  role: Role,
  participant: Participant,
  place: { path: string; certificates: string; seed: number; confined: boolean },
): Promise<string | null> {
  const folder = new RunFolder(place.path);
  const logs = join(folder.logs(role), "qlog");
  for (const path of [folder.www(role), folder.downloads(role), logs, folder.simulatorLogs])
    mkdirSync(path, { recursive: true });
  const simulator =
    role === "server"
      ? null
      : await lab.simulate({
          scenario: SCENARIO,
          seed: place.seed,
          corrupt: "deliver",
          folder: folder.simulatorLogs,
        });
  // There is no server to wait for.
  simulator?.ready.catch(() => {});
  const container = await lab.start({
    role,
    command: participant.endpoint.command,
    environment: environmentOf(role, unknownName(), participant.params, {}),
    mounts: {
      www: folder.www(role),
      downloads: folder.downloads(role),
      certificates: place.certificates,
      logs: folder.logs(role),
    },
    confined: place.confined,
    outputPath: folder.output(role),
  });
  const limit = Bun.sleep(LIMIT_MS).then(() => null);
  const code = await Promise.race([container.exited, limit]).catch((error) => messageOf(error));
  await container.stop();
  await simulator?.stop();
  if (code === UNSUPPORTED) return null;
  const did = code === null ? `still ran after ${LIMIT_MS / 1000} s` : `ended with ${code}`;
  return `as ${role} it ${did}; an unknown TESTCASE must end with ${UNSUPPORTED} at once`;
}

/** Random, so that no endpoint can know it. */
function unknownName(): string {
  const letters = crypto.getRandomValues(new Uint8Array(6));
  return Array.from(letters, (byte) => String.fromCharCode(97 + (byte % 26))).join("");
}

/** `bun run interop compliance`: all endpoints that were named, in each role that was. */
export async function runCompliance(
  args: readonly string[],
  cases: readonly Case[],
): Promise<number> {
  const asked = parseInteropArguments(args);
  if (asked === null) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { matches } = select(asked, ENDPOINTS, cases);
  const unavailable = labUnavailable();
  if (unavailable !== null) throw new UserError(unavailable, 1);
  const everybody = new Map<string, [Role, Participant]>();
  for (const match of matches) {
    for (const role of ["server", "client"] as const) {
      everybody.set(`${match[role].endpoint.name} ${role}`, [role, match[role]]);
    }
  }
  const folder = mkdtempSync(join(tmpdir(), "quicd-compliance-"));
  const certificates = certificateFolder(CERTIFICATES, 1);
  const lab = await openLab();
  let faults = 0;
  try {
    for (const [name, [role, participant]] of everybody) {
      const path = join(folder, name.replace(" ", "_"));
      const place = { path, certificates, seed: asked.seed, confined: asked.confined };
      const fault = await complianceFault(lab, role, participant, place);
      process.stdout.write(`${name}: ${fault ?? "complies"}\n`);
      if (fault !== null) faults += 1;
    }
  } finally {
    await lab.close();
  }
  if (faults === 0) rmSync(folder, { recursive: true, force: true });
  else process.stdout.write(`their output: ${folder}\n`);
  return faults === 0 ? 0 : 1;
}
