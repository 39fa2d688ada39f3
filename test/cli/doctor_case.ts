/** One thing wrong with a machine, and what is to be said about it. */
import { judge } from "../../src/cli/doctor/doctor.ts";
import type { Facts, Plan } from "../../src/cli/doctor/facts.ts";
import type { Line, Verdict } from "../../src/cli/doctor/line.ts";
import { outlook } from "../../src/cli/doctor/outlook.ts";
import type { DeviceProbe, MachineProbe } from "../../src/native/addon.ts";
import { FACTS, PLAN, PROBE } from "./doctor_facts.ts";

export interface Case {
  facts?: Partial<Facts>;
  probe?: Partial<MachineProbe>;
  plan?: Partial<Plan>;
  verdict: Verdict;
  /** Parts of what was found, and of the remedy. */
  found?: string;
  remedy?: string;
}

export const KIB = 1024;
export const EBPF_REFUSED = 'routing "ebpf" needs CAP_BPF; or use routing "forward"';
export const NO_RING = "io_uring: Operation not permitted; allow it";
export const NO_LIBRARY: Partial<Facts> = {
  library: { path: "a.node", named: false, abi: 7, failure: "no such file", missing: true },
  probe: null,
};

export function socket(changes: Partial<MachineProbe["socket"]>): Partial<MachineProbe> {
  return { socket: { ...PROBE.socket, ...changes } };
}

export function device(changes: Partial<DeviceProbe>): Partial<MachineProbe> {
  const [, eth0 = PROBE.devices[0]!] = PROBE.devices;
  return { devices: [{ ...eth0, ...changes }] };
}

export function judged({ facts = {}, probe = {}, plan = {} }: Partial<Case>): {
  lines: Line[];
  closing: string;
} {
  const whole = { ...FACTS, probe: { ...PROBE, ...probe }, ...facts };
  const asked = { ...PLAN, ...plan };
  const lines = judge(whole, asked);
  return { lines, closing: outlook(lines, whole, asked) };
}
