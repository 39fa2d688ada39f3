/** What the drivers in interop/peers/aioquic print. */

export interface FetchReport {
  seconds: number;
  connections: number;
  rebindings: number;
  files: {
    path: string;
    connection: number;
    status: number;
    bytes: number;
    sha256: string;
    error: string | null;
  }[];
}

export interface EchoReport {
  uploads: {
    bytes: number;
    received_bytes: number;
    equal: boolean;
    sha256: string;
    seconds: number;
  }[];
  datagrams: { sent: number; received: number; intact: number; foreign: number } | null;
  error: string | null;
}

export interface WatchReport {
  connections: {
    /** The app thread's name, and which start of it; "": it had no answer. */
    thread: string;
    born: string;
    answers: number;
    /** Complete, with another body or status. */
    wrong: number;
    failures: string[];
    /** Null: the client ended it. */
    end: {
      code: number;
      /** CONNECTION_CLOSE 0x1c, not 0x1d. */
      transport: boolean;
      reason: string;
      /** When, since 1970. */
      seconds: number;
    } | null;
  }[];
  refused: string[];
}

export interface ProbeReport {
  blocked_ms: number;
  status: number;
  handshakes_ms: number[];
  pings_ms: number[];
}
