/**
 * The judge fails endpoints with one fault each, for the right reason, and passes the same
 * endpoints in the same cases without it. QUICD_SEED=N places the faults elsewhere.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Case, CasePlan, Role } from "../../interop/cases/case.ts";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import { FAULTS, FAULTY, type Fault } from "../../interop/judge/faulty/faulty_endpoints.ts";
import { judgeUnavailable } from "../../interop/judge/judge.ts";
import type { Lab } from "../../interop/lab/lab.ts";
import { labUnavailable, openLab } from "../../interop/lab/open_lab.ts";
import { ENDPOINTS } from "../../interop/peers/endpoints.ts";
import { type CellResult, runCell } from "../../interop/runner/cell_run.ts";
import { certificateFolder } from "../../interop/runner/certificates.ts";
import { RunFolder } from "../../interop/runner/run_folder.ts";

const seed = Number(process.env.QUICD_SEED ?? Math.floor(Math.random() * 1_000_000));
/** A run is mostly waiting for the network and for timers. */
const LABS = 4;
/** A server that is not up after the simulator's patience says nothing of the judge. */
const ATTEMPTS = 5;
const NOT_UP = "The server did not answer";

const quicGo = ENDPOINTS.find((endpoint) => endpoint.name === "quic_go")!;
const reason = labUnavailable() ?? judgeUnavailable() ?? FAULTY.missing() ?? quicGo.missing();
if (reason !== null) console.log(`SKIP reason: faulty endpoints: ${reason}`);
else console.log(`faulty endpoints: QUICD_SEED=${seed}`);

const root = mkdtempSync(join(tmpdir(), "quicd-faulty-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The case, with small files and the scenario that the fault needs; few streams suffice. */
function caseOf(fault: Fault): Case {
  const case_ = QUIC_CASES.find(({ name }) => name === fault.case)!;
  return {
    ...case_,
    timeoutSeconds: 60,
    scenario: fault.scenario ?? case_.scenario,
    plan: (random) => smaller(case_.plan(random), fault.bytes ?? Infinity),
  };
}

function smaller(plan: CasePlan, bytes: number): CasePlan {
  const server = plan.files.server
    .slice(0, 100)
    .map((file) => ({ ...file, bytes: Math.min(file.bytes, bytes) }));
  const client = plan.requests.client.split(" ").slice(0, 100).join(" ");
  return { ...plan, files: { ...plan.files, server }, requests: { ...plan.requests, client } };
}

let runs = 0;
async function run(lab: Lab, { fault, params }: Job): Promise<CellResult> {
  const case_ = caseOf(fault);
  const other = { endpoint: fault.other === "quic_go" ? quicGo : FAULTY, params: "" };
  const participants = { client: other, server: other, [fault.role]: { endpoint: FAULTY, params } };
  for (let attempt = 1; ; attempt++) {
    const result = await runCell(lab, {
      case: case_,
      participants: participants as Record<Role, typeof other>,
      seed,
      confined: false,
      corrupt: "deliver",
      folder: new RunFolder(join(root, `${runs++}`)),
      certificates: certificateFolder(join(root, "certificates"), case_.chainLength),
    });
    if (attempt === ATTEMPTS || !result.reasons.join().startsWith(NOT_UP)) return result;
    console.log(`${fault.name} in ${fault.case}: ${NOT_UP}, attempt ${attempt}`);
  }
}

interface Job {
  fault: Fault;
  params: string;
  result: PromiseWithResolvers<CellResult>;
}

const job = (fault: Fault, params: string): Job => {
  const result = Promise.withResolvers<CellResult>();
  // Whoever waits for it hears of it.
  result.promise.catch(() => {});
  return { fault, params, result };
};
const faulty = FAULTS.map((fault) => job(fault, `--fault ${fault.name} --seed ${seed}`));
/** What would be the same run is one. No ECN in aioquic: nobody here does that case right. */
const pairOf = (fault: Fault) =>
  [fault.case, fault.control, fault.other && `${fault.role} ${fault.other}`].join();
const controls = FAULTS.filter(
  (fault, i) =>
    fault.case !== "ecn" && FAULTS.findIndex((other) => pairOf(other) === pairOf(fault)) === i,
).map((fault) => job(fault, fault.control ? `--fault ${fault.control} --seed ${seed}` : ""));

async function work(queue: Job[]): Promise<void> {
  const lab = await openLab();
  try {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await run(lab, next).then(next.result.resolve, next.result.reject);
    }
  } finally {
    await lab.close();
  }
}

if (reason === null) {
  // The slow ones first.
  const all = [...faulty, ...controls];
  const slow = all.filter(({ fault }) => fault.scenario !== undefined);
  const queue = [...slow, ...all.filter(({ fault }) => fault.scenario === undefined)];
  for (let i = 0; i < LABS; i++) void work(queue);
}

describe.skipIf(reason !== null)("the judge fails", () => {
  for (const { fault, result } of faulty) {
    test(`a ${fault.role} with the fault ${fault.name} in ${fault.case}`, async () => {
      const { outcome, reasons } = await result.promise;
      expect({ outcome, reasons: reasons.join("\n") }).toEqual({
        outcome: "failed",
        reasons: expect.stringMatching(new RegExp(fault.reason, "m")),
      });
    }, 120_000);
  }
});

describe.skipIf(reason !== null)("the judge passes", () => {
  for (const { fault, result } of controls) {
    test(`the same ${fault.role} without a fault in ${fault.case}`, async () => {
      const { outcome, reasons } = await result.promise;
      expect({ outcome, reasons }).toEqual({ outcome: "succeeded", reasons: [] });
    }, 120_000);
  }
});
