/**
 * The runner's network without Docker: client, simulator and server (and the pair for cross
 * traffic) as network namespaces, with the names, addresses, mounts and limits that the containers
 * have there. One lab holds one run at a time; several labs may be open beside each other.
 *
 *     client  193.167.0.100 --- .2 simulator .2 --- 193.167.100.100  server
 *     fd00:cafe:cafe:0::100 --- ::2           ::2 --- fd00:cafe:cafe:100::100
 *
 * Where it is not as the runner's, on purpose: losses follow a seed; a server is asked for its
 * Version Negotiation packet every 100 ms, not 500; a stop reaches every process of a container,
 * not its first alone; time to live stays as it was; a rebound address is never that of the
 * simulator or of cross traffic; cross traffic is one TCP flow of our own, to the client's side.
 * Where raising the limit of locked memory is refused, containers keep the lower one.
 */
import type { Role } from "../cases/case.ts";

export interface SimulatorOptions {
  /** As the runner writes it: "drop-rate --delay=15ms --bandwidth=10Mbps --queue=25 ...". */
  scenario: string;
  seed: number;
  /** What corrupt-rate does with a packet it damaged: README says one, ns-3 does the other. */
  corrupt: "deliver" | "drop";
  /** Gets trace_node_left.pcap, trace_node_right.pcap and simulator.log. */
  folder: string;
}

export interface Simulator {
  /**
   * Resolves when the server answered a Version Negotiation probe and port 57832 is open: the
   * scenario's time 0. Rejects after 10 s without an answer.
   */
  readonly ready: Promise<void>;
  /** Flushes the captures and resolves to what it counted. */
  stop(): Promise<Readonly<Record<string, number>>>;
}

export interface ContainerOptions {
  role: Role;
  /** What the image would have as its entry point; run with the environment and mounts below. */
  command: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** Folders of this machine that it sees as /www (read-only), /downloads, /certs (ro), /logs. */
  mounts: { www: string; downloads: string; certificates: string; logs: string };
  /**
   * Docker's default seccomp profile, its default capabilities and NET_ADMIN, memlock 64 MiB.
   * Without: root of this machine, for eBPF and io_uring.
   */
  confined: boolean;
  /** Its standard output and error go here. */
  outputPath: string;
}

export interface Container {
  /** Of its first process; 128 + signal when a signal ended it. */
  readonly exited: Promise<number>;
  /** SIGTERM, 10 s, then the end of everything in it. Resolves to the exit code. */
  stop(): Promise<number>;
}

export interface CrossTraffic {
  /** Resolves to the bytes that came through. */
  stop(): Promise<number>;
}

export interface Lab {
  /** A process in each network namespace, to look into it: nsenter --net=/proc/PID/ns/net. */
  readonly holders: Readonly<Record<Role | "sim", number>>;
  simulate(options: SimulatorOptions): Promise<Simulator>;
  start(options: ContainerOptions): Promise<Container>;
  /** A TCP flow from the server's side to the client's, beside the endpoints'. */
  crossTraffic(congestion: "cubic" | "reno" | "bbr"): Promise<CrossTraffic>;
  /** Ends what still runs and removes the namespaces. */
  close(): Promise<void>;
}
