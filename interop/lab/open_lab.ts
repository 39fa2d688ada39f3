/** Opens a lab: its network (hold_lab.sh), its simulator (simulator/), its containers. */
import { join } from "node:path";
import type { Role } from "../cases/case.ts";
import { readLine } from "../netsim/read_line.ts";
import { startContainer } from "./container.ts";
import { startCrossTraffic } from "./cross_traffic.ts";
import type { Lab } from "./lab.ts";
import { seccompUnavailable } from "./seccomp.ts";
import { startSimulator } from "./start_simulator.ts";

const HOLD = join(import.meta.dir, "hold_lab.sh");

/** Null when labs can be opened here; else what is missing, and for which part. */
export function labUnavailable(): string | null {
  if (process.platform !== "linux") return "a lab needs Linux: namespaces and packet sockets";
  if (process.getuid?.() !== 0) {
    return (
      "a lab needs root: CAP_SYS_ADMIN for network, mount and process namespaces, CAP_NET_ADMIN " +
      "for devices and routes, CAP_NET_RAW for the simulator's packet sockets. Run it with sudo"
    );
  }
  const check = Bun.spawnSync(["bash", HOLD, "--check"], { stderr: "pipe" });
  if (check.exitCode !== 0) {
    const why = check.stderr.toString().trim().split("\n")[0] ?? "";
    return `a lab can't be opened here (${why}): it needs namespaces, bridges, iproute2, ethtool`;
  }
  return seccompUnavailable();
}

/** Throws when {@link labUnavailable} has a reason. */
export async function openLab(): Promise<Lab> {
  const holder = Bun.spawn(["bash", HOLD], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const line = await readLine(holder.stdout);
  const [client, sim, server, trafficClient, trafficServer] = (line ?? "").split(" ").map(Number);
  if (!client || !sim || !server || !trafficClient || !trafficServer) {
    holder.stdin.end();
    throw new Error(labUnavailable() ?? "hold_lab.sh made no network");
  }
  const holders: Record<Role, number> = { client, server };
  /** What has to end before the network is taken away. */
  const running = new Set<{ stop(): Promise<unknown> }>();
  const track = <T extends { stop(): Promise<unknown> }>(started: T): T => {
    running.add(started);
    return started;
  };
  return {
    holders: { ...holders, sim },
    simulate: async (options) => track(startSimulator(sim, options)),
    start: async (options) => {
      const container = track(startContainer(holders[options.role], options));
      void container.exited.then(() => running.delete(container));
      return container;
    },
    crossTraffic: async (congestion) =>
      track(await startCrossTraffic(trafficClient, trafficServer, congestion)),
    close: async () => {
      await Promise.allSettled([...running].map((started) => started.stop()));
      holder.stdin.end();
      await holder.exited;
    },
  };
}
