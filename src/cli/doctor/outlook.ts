/** The closing line: how it went, and what `quicd serve` would choose. */
import type { Facts, Plan } from "./facts.ts";
import type { Line, Verdict } from "./line.ts";

export function outlook(lines: readonly Line[], facts: Facts, plan: Plan): string {
  const count = (verdict: Verdict) => lines.filter((line) => line.verdict === verdict).length;
  const [warnings, problems, open] = [count("warning"), count("problem"), count("not checked")];
  const counts = [plural(warnings, "warning"), plural(problems, "problem")];
  if (open > 0) counts.push(`${open} not checked`);
  return `${counts.join(", ")}: ${problems > 0 ? failure(facts) : choice(facts, plan)}`;
}

function failure({ library }: Facts): string {
  if (library.missing) return "quicd serve falls back on Bun.serve, on the JavaScript thread";
  return "quicd serve will not start";
}

/** As native/net.c and native/engine.c choose. */
function choice({ probe }: Facts, plan: Plan): string {
  if (probe === null) throw new Error("without the library there is a problem");
  const backend =
    plan.backend === "auto" ? (probe.uringRefusal === "" ? "io_uring" : "syscalls") : plan.backend;
  const steers = plan.workers > 1 && probe.steeringRefusal === "";
  const routing = plan.routing === "auto" ? (steers ? "ebpf" : "forward") : plan.routing;
  return `routing will be ${routing}, backend ${backend}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
