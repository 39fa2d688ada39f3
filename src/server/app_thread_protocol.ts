/** What a server and its app threads (Bun Workers) say to each other. */

export interface AppThreadStart {
  type: "start";
  engine: number;
  app: number;
  /** Specifier of the module whose default export has `fetch`; every thread imports its own. */
  module: string;
  alpns: string[];
  streamChunks: number;
  closingGraceMs: number;
  maxRequestBodyBytes: number;
  /** Of the server. */
  url: string;
  /** Whether lines of the access log are wanted. */
  log: boolean;
}

/** Finish what runs, then detach and say "finished". */
export interface AppThreadFinish {
  type: "finish";
  timeoutMs: number;
}

export type ToAppThread = AppThreadStart | AppThreadFinish;

export type FromAppThread =
  | { type: "ready" }
  | { type: "failed"; reason: string }
  | { type: "stop-requested" }
  /** Whole lines, some requests at a time. */
  | { type: "log"; lines: string }
  | { type: "finished" };
