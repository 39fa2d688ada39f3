/** The state of a long run survives being cut short anywhere. */
import { afterAll, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunLog } from "../../interop/runner/run_log.ts";
import { sampleRecord } from "./sample_results.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-run-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("what was finished is found again, and nothing else", () => {
  const path = join(folder, "one", "runs.jsonl");
  const done = sampleRecord({});
  new RunLog(path).add(done);
  const log = new RunLog(path);
  expect(log.find(done)).toEqual(done);
  for (const other of [{ seed: 2 }, { case: "ecn" }, { variant: "unconfined" }, { server: "b" }])
    expect(log.find({ ...done, ...other })).toBeNull();
});

test("a line that was cut is a run that did not finish; later ones are whole", () => {
  const path = join(folder, "runs.jsonl");
  new RunLog(path).add(sampleRecord({}));
  const whole = readFileSync(path, "utf8");
  for (let bytes = 0; bytes < whole.length; bytes++) {
    writeFileSync(path, whole + whole.slice(0, bytes));
    const log = new RunLog(path);
    log.add(sampleRecord({ seed: 7 }));
    const again = new RunLog(path);
    expect(again.find(sampleRecord({}))).not.toBeNull();
    expect(again.find(sampleRecord({ seed: 7 }))).not.toBeNull();
  }
});

test("the last word about a run counts", () => {
  const path = join(folder, "twice.jsonl");
  const log = new RunLog(path);
  log.add(sampleRecord({ outcome: "failed" }));
  log.add(sampleRecord({}));
  expect(new RunLog(path).find(sampleRecord({}))?.outcome).toBe("succeeded");
  appendFileSync(path, '"no record"\n');
  expect(new RunLog(path).find(sampleRecord({}))?.outcome).toBe("succeeded");
});
