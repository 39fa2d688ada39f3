/**
 * What one test case or measurement of the QUIC Interop Runner asks of two endpoints. The table of
 * them is in quic_cases.ts and webtransport_cases.ts; how a run of one is judged, in ../judge/.
 */

export type Role = "client" | "server";

/** Host names of the runner's network: which address families the URL's host has. */
export type HostName = "server4" | "server6" | "server46";

export interface CaseFile {
  /** Relative to the folder that it is served from. */
  name: string;
  bytes: number;
}

/** What one run of a case moves and tells the endpoints; drawn from the run's seed. */
export interface CasePlan {
  /** By who serves them: /www of that role. QUIC cases: the server only. */
  files: Record<Role, readonly CaseFile[]>;
  /**
   * In /www of both roles, also where no file is in them: an endpoint may learn from them which
   * WebTransport endpoints there are. QUIC cases: none.
   */
  folders: readonly string[];
  /** REQUESTS of each role, separated by a space. */
  requests: Record<Role, string>;
  /** PROTOCOLS of each role; "" leaves it unset. WebTransport only. */
  protocols: Record<Role, string>;
}

export interface Case {
  /** As the runner calls it: "handshakeloss". */
  name: string;
  /** As its matrix shows it: "L1". */
  abbreviation: string;
  description: string;
  kind: "test" | "measurement";
  suite: "quic" | "webtransport";
  /** TESTCASE of each role. */
  testcase: Record<Role, string>;
  host: HostName;
  /** As the simulator takes it: "simple-p2p --delay=15ms --bandwidth=10Mbps --queue=25". */
  scenario: string;
  /** Of the whole run, from the start of the first endpoint. */
  timeoutSeconds: number;
  /** Runs that make one result: 1, of a measurement 5. */
  repetitions: number;
  /** Certificates between the server's and its root, the server's included. */
  chainLength: number;
  /** A TCP flow beside it (iperf, CUBIC). */
  crossTraffic: boolean;
  plan(random: () => number): CasePlan;
}

/** "unsupported": an endpoint said 127, or there is nothing to judge by (no key log). */
export type Outcome = "succeeded" | "failed" | "unsupported";

export interface Verdict {
  outcome: Outcome;
  /** What was found wrong, each a sentence with the figures; empty when it succeeded. */
  reasons: readonly string[];
  /** Measurements: kbit/s. */
  kbitPerSecond?: number;
}
