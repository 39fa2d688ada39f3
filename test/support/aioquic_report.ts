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

export interface ProbeReport {
  blocked_ms: number;
  status: number;
  handshakes_ms: number[];
  pings_ms: number[];
}
