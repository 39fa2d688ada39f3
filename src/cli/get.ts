/** `quicd get`: one URL, its content to standard output or a file. */

import { H3ClientFactory } from "../apps/h3/client/factory.ts";
import { H3Error, H3ErrorCode } from "../apps/h3/error.ts";
import { H3Client } from "../client/h3.ts";
import { ConnectError, type ConnectOptions, connect } from "../client.ts";
import { UserError } from "../config/user_error.ts";
import type { QuicConnection } from "../transport/app.ts";
import { ConnectionError, StreamError } from "../transport/error.ts";
import { ExitCode } from "./exit_code.ts";
import type { GetInvocation } from "./get_arguments.ts";
import { fetchHq } from "./hq_client.ts";
import { readSession, writeSession } from "./session_file.ts";

const HTTPS_PORT = 443;
/** Servers send tickets behind their handshake: a short get may be over before. */
const TICKET_WAIT_MS = 500;
const ERROR_STATUS_MIN = 400;

/** Resolves with the exit code. @throws {UserError} one line of what went wrong */
export async function get(invocation: GetInvocation): Promise<number> {
  const { url, session: sessionPath, alpn } = invocation;
  const h3 = new H3ClientFactory();
  const known = readSession(sessionPath);
  const options: ConnectOptions = {
    ...{ host: url.hostname, port: url.port === "" ? HTTPS_PORT : Number(url.port), alpn },
    ...(known === null ? {} : { session: known }),
    ...(alpn === "h3" ? { app: h3 } : {}),
    earlyData: invocation.early,
    tls: {
      ...(invocation.ca === "" ? {} : { ca: Bun.file(invocation.ca) }),
      ...(invocation.keylog === "" ? {} : { keylog: invocation.keylog }),
      verify: !invocation.insecure,
    },
  };
  const started = performance.now();
  const connection = await connect(options).catch((error: unknown) => {
    throw explained(error);
  });
  const say = (text: string) => {
    if (invocation.verbose) process.stderr.write(`* ${text}\n`);
  };
  say(connectedText(connection, performance.now() - started));
  let status: number;
  try {
    const client = alpn === "h3" ? new H3Client(url.origin, connection, h3.of(connection)) : null;
    status = await fetchAll(invocation, connection, client);
  } catch (error) {
    throw explained(error);
  }
  if (known !== null) say(await outcomeText(connection, invocation.early));
  if (sessionPath !== "") say(await keepSession(connection, sessionPath));
  say(statsText(connection));
  connection.close(alpn === "h3" ? H3ErrorCode.NoError : 0);
  await connection.closed;
  return status >= ERROR_STATUS_MIN ? ExitCode.HttpError : ExitCode.Ok;
}

/** Returns the last status; 200 where there is none. */
async function fetchAll(
  { url, repeat, include, output }: GetInvocation,
  connection: QuicConnection,
  h3: H3Client | null,
): Promise<number> {
  const sink = output === "" ? Bun.stdout.writer() : Bun.file(output).writer();
  const path = `${url.pathname}${url.search}`;
  let status = 200;
  for (let asked = 0; asked < repeat; asked++) {
    let content: AsyncIterable<Uint8Array>;
    if (h3 === null) {
      content = fetchHq(connection, path);
    } else {
      const response = await h3.fetch(url);
      status = response.status;
      if (include) sink.write(headText(response));
      content = (response.body ?? []) as unknown as AsyncIterable<Uint8Array>;
    }
    for await (const bytes of content) {
      sink.write(bytes);
      // What the reader has not taken is not read from the network either.
      await sink.flush();
    }
  }
  await sink.end();
  return status;
}

function headText({ status, headers }: Response): string {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\n`);
  return `HTTP/3 ${status}\n${lines.join("")}\n`;
}

function connectedText(connection: QuicConnection, ms: number): string {
  const { address, port, family } = connection.peerAddress;
  const place = family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  const how = connection.early ? "0-RTT may flow" : "handshake complete";
  const resumed = connection.resumed ? ", resumed" : "";
  return `connected to ${place} in ${ms.toFixed(1)} ms: ${how}${resumed}, ALPN ${connection.alpn}`;
}

async function outcomeText(connection: QuicConnection, early: boolean): Promise<string> {
  const { earlyAccepted } = await connection.handshakeCompleted;
  const resumed = connection.resumed ? "session resumed" : "session not resumed";
  if (!early) return resumed;
  return `${resumed}, early data ${earlyAccepted ? "accepted" : "not accepted"}`;
}

async function keepSession(connection: QuicConnection, path: string): Promise<string> {
  const deadline = performance.now() + TICKET_WAIT_MS;
  while (connection.sessions.length === 0 && connection.open && performance.now() < deadline) {
    await Bun.sleep(5);
  }
  const session = connection.sessions.at(-1);
  if (session === undefined) return "the server gave no session";
  writeSession(path, session);
  return `session of ${session.length} bytes kept in ${path}`;
}

function statsText(connection: QuicConnection): string {
  const stats = connection.stats();
  return (
    `round trip ${(stats.roundTripUs / 1000).toFixed(1)} ms; ` +
    `received ${stats.receivedBytes} bytes in ${stats.receivedPackets} packets, ` +
    `sent ${stats.sentBytes} in ${stats.sentPackets}, ${stats.lostPackets} lost`
  );
}

/** A user's line for what the network or the server did; anything else is a bug and stays one. */
function explained(error: unknown): unknown {
  if (error instanceof ConnectError) {
    if (error.reason !== "certificate") return new UserError(error.message, ExitCode.Failure);
    const remedy = "--ca F trusts the certificates in F, --insecure any";
    return new UserError(`${error.message}\n  ${remedy}`, ExitCode.Untrusted);
  }
  const ended = error instanceof ConnectionError || error instanceof StreamError;
  if (error instanceof H3Error || ended) {
    return new UserError(`no complete response: ${error.message}`, ExitCode.Failure);
  }
  if (error instanceof TypeError || (error instanceof Error && "code" in error)) {
    return new UserError(error.message, ExitCode.Failure);
  }
  return error;
}
