/** The client's events and commands over the fake native side: every answer in every state. */
import { describe, expect, test } from "bun:test";
import {
  CLOSE_LOCAL,
  COMMAND_CLOSE,
  COMMAND_CONNECT,
  COMMAND_KIND_WORD,
  COMMAND_MIGRATE,
  COMMAND_REQUEST_ID_WORD,
  CONNECT_EARLY,
  CONNECT_HELD,
  CONNECT_OWN_SOCKET,
  CONNECT_SIZE,
  CONNECT_STAY,
  EVENT_CLOSED,
  EVENT_CLOSING,
  EVENT_CONNECT_REFUSED,
  EVENT_CONNECT_STARTED,
  EVENT_CONNECTED,
  EVENT_DATAGRAM,
  EVENT_HANDSHAKE_DONE,
  EVENT_MIGRATE_OUTCOME,
  EVENT_PATH_CHANGED,
  EVENT_SESSION,
  EVENT_STREAM_DATA,
  EVENT_STREAM_OPENED,
  FLAG_EARLY,
  FLAG_OPENED,
  OK,
  REFUSED_FULL,
  REFUSED_PATH,
  REFUSED_SYSTEM,
  REFUSED_TOO_LARGE,
  REFUSED_UNSUPPORTED,
} from "../../src/native/abi.gen.ts";
import type { CloseInfo } from "../../src/transport/app.ts";
import type { ClientConnection } from "../../src/transport/client_connection.ts";
import { type ConnectRequest, encodeConnect } from "../../src/transport/connect_request.ts";
import { FakeNative } from "./fake_native.ts";
import { Fixture, RecordingConnection } from "./fixture.ts";

const OURS = { connection: 0, connectionGeneration: 1 };

class Client {
  readonly native = new FakeNative(1);
  readonly fixture = new Fixture(undefined, this.native);
  readonly calls: string[] = [];
  connection: ClientConnection | null = null;
  sink: RecordingConnection | null = null;
  closeInfo: CloseInfo | null = null;

  request(changes: Partial<ConnectRequest> = {}): ConnectRequest {
    return {
      profile: 3,
      alpns: ["a", "b"],
      peer: { family: 4, ip: new Uint8Array(16).fill(127, 0, 1), port: 4433, scopeId: 0 },
      serverName: "example.org",
      session: null,
      early: false,
      ownSocket: false,
      followPreferred: true,
      factory: {
        acceptsAlpn: () => true,
        spawnApp: async () => {},
        attach: (connection) => {
          this.calls.push("attach");
          this.sink = new RecordingConnection(connection);
          return this.sink;
        },
      },
      observer: {
        started: (connection) => {
          this.calls.push("started");
          this.connection = connection;
        },
        refused: (refusal, errno) => this.calls.push(`refused ${refusal} ${errno}`),
        connected: ({ alpn, early }) =>
          this.calls.push(`connected ${alpn}${early ? " early" : ""}`),
        session: (bytes) => this.calls.push(`session ${bytes}`),
        ended: (info) => {
          this.calls.push(`ended ${info.by} ${info.code}`);
          this.closeInfo = info;
        },
      },
      ...changes,
    };
  }

  /** Asks; returns the request id of the CONNECT. */
  connect(changes: Partial<ConnectRequest> = {}): number {
    this.fixture.dispatcher.connect(0, this.request(changes));
    const command = this.native.consume(0).at(-1)!;
    expect(command[COMMAND_KIND_WORD]).toBe(COMMAND_CONNECT);
    return command[COMMAND_REQUEST_ID_WORD]!;
  }

  emit(kind: number, more: Record<string, unknown> = {}): void {
    this.native.emit(0, { kind, ...OURS, ...more });
    this.fixture.turn();
  }

  start(requestId = this.connect()): ClientConnection {
    this.native.connect(0, 0, 1);
    this.emit(EVENT_CONNECT_STARTED, { requestId });
    return this.connection!;
  }

  establish(flags = 0): ClientConnection {
    const connection = this.start();
    this.emit(EVENT_CONNECTED, { flags });
    return connection;
  }
}

test("CONNECT carries what abi.h says, name and session behind it", () => {
  const session = Uint8Array.of(9, 8, 7);
  const client = new Client();
  const request = client.request({ session, early: true, ownSocket: true, followPreferred: false });
  const bytes = encodeConnect(request);
  const view = new DataView(bytes.buffer);
  expect(view.getUint32(0, true)).toBe(3);
  expect(view.getUint32(4, true)).toBe(
    CONNECT_EARLY | CONNECT_HELD | CONNECT_OWN_SOCKET | CONNECT_STAY,
  );
  expect([...bytes.subarray(8, 13)]).toEqual([127, 0, 0, 0, 0]);
  expect(view.getUint16(24, true)).toBe(4433);
  expect(view.getUint16(26, true)).toBe(4);
  expect(view.getUint32(32, true)).toBe(11);
  expect(view.getUint32(36, true)).toBe(3);
  expect(new TextDecoder().decode(bytes.subarray(CONNECT_SIZE, CONNECT_SIZE + 11))).toBe(
    "example.org",
  );
  expect([...bytes.subarray(CONNECT_SIZE + 11)]).toEqual([9, 8, 7]);
});

test("started, connected, closed: the application is made in between", () => {
  const client = new Client();
  const connection = client.establish();
  expect(client.calls).toEqual(["started", "attach", "connected a"]);
  expect(connection.state).toBe("Established");
  client.native.setClose(0, 0, CLOSE_LOCAL, 7);
  client.emit(EVENT_CLOSING);
  expect(client.calls.at(-1)).toBe("ended local 7");
  expect(client.sink!.calls).toEqual(["closed by local"]);
  client.emit(EVENT_CLOSED);
  expect(client.fixture.dispatcher.liveConnections).toBe(0);
  client.native.expectNoLeases();
});

test("early: usable before the handshake is complete, and told of its outcome", async () => {
  const client = new Client();
  const connection = client.establish(FLAG_EARLY);
  expect(client.calls.at(-1)).toBe("connected a early");
  expect([connection.early, connection.state]).toEqual([true, "Early"]);
  client.emit(EVENT_HANDSHAKE_DONE, { flags: FLAG_EARLY });
  expect(await connection.handshakeCompleted).toEqual({ earlyAccepted: true });
  expect([connection.early, connection.state]).toEqual([false, "Established"]);
});

test("a handshake that fails never reaches the application", async () => {
  const client = new Client();
  const connection = client.start();
  client.native.setClose(0, 0, 0, 0x128);
  client.emit(EVENT_CLOSING);
  expect(client.calls).toEqual(["started", "ended peer 296"]);
  await expect(connection.handshakeCompleted).rejects.toThrow("the connection ended");
  expect(await connection.closed).toMatchObject({ by: "peer", code: 0x128 });
  // A late CONNECTED does not bring it back.
  client.emit(EVENT_CONNECTED);
  expect(client.calls).toHaveLength(2);
});

test("refusals carry the errno", () => {
  const client = new Client();
  const requestId = client.connect();
  client.native.emit(0, {
    ...{ kind: EVENT_CONNECT_REFUSED, connection: 0xffffffff, connectionGeneration: 0 },
    ...{ requestId, errorCode: REFUSED_FULL },
  });
  client.fixture.turn();
  expect(client.calls).toEqual([`refused ${REFUSED_FULL} 0`]);
});

test("a session too large for a buffer is refused without a command", async () => {
  const client = new Client();
  const request = client.request({ session: new Uint8Array(17_000) });
  client.fixture.dispatcher.connect(0, request);
  await Bun.sleep(0);
  expect(client.calls).toEqual([`refused ${REFUSED_TOO_LARGE} 0`]);
  expect(client.native.consume(0)).toEqual([]);
});

test("connects that meet a full ring wait in order", async () => {
  const client = new Client();
  client.native.commandCapacity = 1;
  for (const serverName of ["one", "two", "three"]) {
    client.fixture.dispatcher.connect(0, client.request({ serverName }));
  }
  const names: string[] = [];
  for (let turn = 0; turn < 3; turn++) {
    for (const command of client.native.consume(0)) {
      names.push(Buffer.from(client.native.payload(command)).subarray(CONNECT_SIZE).toString());
    }
    client.fixture.turn();
  }
  expect(names).toEqual(["one", "two", "three"]);
  client.native.expectNoLeases();
  client.fixture.dispatcher.close();
  expect(client.calls).toEqual(["refused 3 0", "refused 3 0", "refused 3 0"]);
});

test("sessions are copied, and the newest four kept", () => {
  const client = new Client();
  const connection = client.establish();
  for (let ticket = 1; ticket <= 5; ticket++) {
    client.emit(EVENT_SESSION, { bytes: Uint8Array.of(ticket) });
  }
  expect(connection.sessions.map((bytes) => bytes[0])).toEqual([2, 3, 4, 5]);
  expect(client.calls.at(-1)).toBe("session 5");
  client.native.expectNoLeases();
});

describe("migrate", () => {
  function migrating() {
    const client = new Client();
    const connection = client.establish();
    const outcome = connection.migrate();
    const command = client.native.consume(0).at(-1)!;
    expect(command[COMMAND_KIND_WORD]).toBe(COMMAND_MIGRATE);
    return { client, outcome, connection, requestId: command[COMMAND_REQUEST_ID_WORD]! };
  }

  test("resolves with the new path", async () => {
    const { client, outcome, requestId } = migrating();
    client.emit(EVENT_MIGRATE_OUTCOME, { requestId, errorCode: OK });
    await outcome;
  });

  test.each([
    [REFUSED_UNSUPPORTED, "the server forbids it"],
    [REFUSED_FULL, "an earlier one still runs, or the server offers no connection ID"],
    [REFUSED_PATH, "does not answer"],
    [REFUSED_SYSTEM, "no socket"],
    [99, "refused (99)"],
  ])("refusal %d is an error in words", async (errorCode, text) => {
    const { client, outcome, requestId } = migrating();
    client.emit(EVENT_MIGRATE_OUTCOME, { requestId, errorCode });
    await expect(outcome).rejects.toThrow(text);
  });

  test("ends with the connection, and is refused after it", async () => {
    const { client, outcome, connection } = migrating();
    client.emit(EVENT_CLOSING);
    await expect(outcome).rejects.toThrow("the connection ended");
    await expect(connection.migrate()).rejects.toThrow("it is closed");
  });
});

/** Brings a connection there; the events that follow must be ignored or do their part once. */
const STATES: Record<string, (client: Client) => void> = {
  "asked for": (client) => void client.connect(),
  handshaking: (client) => void client.start(),
  early: (client) => void client.establish(FLAG_EARLY),
  established: (client) => void client.establish(),
  closing: (client) => {
    client.establish();
    client.emit(EVENT_CLOSING);
  },
  "closed, slot free": (client) => {
    client.establish();
    client.emit(EVENT_CLOSING);
    client.emit(EVENT_CLOSED);
  },
};

describe.each(Object.keys(STATES))("late events of an older generation while %s", (state) => {
  test.each([
    ["CONNECTED", EVENT_CONNECTED],
    ["STREAM_DATA", EVENT_STREAM_DATA],
    ["STREAM_OPENED", EVENT_STREAM_OPENED],
    ["DATAGRAM", EVENT_DATAGRAM],
    ["PATH_CHANGED", EVENT_PATH_CHANGED],
    ["CLOSING", EVENT_CLOSING],
    ["CLOSED", EVENT_CLOSED],
    ["SESSION", EVENT_SESSION],
    ["HANDSHAKE_DONE", EVENT_HANDSHAKE_DONE],
    ["MIGRATE_OUTCOME", EVENT_MIGRATE_OUTCOME],
    ["CONNECT_REFUSED", EVENT_CONNECT_REFUSED],
    ["CONNECT_STARTED", EVENT_CONNECT_STARTED],
  ])("%s changes nothing and leaves no lease", (name, kind) => {
    const client = new Client();
    STATES[state]!(client);
    const before = { calls: [...client.calls], state: client.connection?.state };
    const carries = ["STREAM_DATA", "DATAGRAM", "SESSION"].includes(name);
    client.native.emit(0, {
      ...{ kind, connection: 0, connectionGeneration: 0, requestId: 77 },
      ...{ stream: 0, streamGeneration: 1, flags: FLAG_OPENED },
      ...(carries ? { bytes: Buffer.from("late") } : {}),
    });
    client.fixture.turn();
    expect({ calls: client.calls, state: client.connection?.state }).toEqual(before);
    client.native.expectNoLeases();
  });
});

describe("twice the same event", () => {
  test.each([
    ["CONNECTED", EVENT_CONNECTED],
    ["HANDSHAKE_DONE", EVENT_HANDSHAKE_DONE],
  ])("%s on an established connection changes nothing", (_name, kind) => {
    const client = new Client();
    const connection = client.establish();
    const before = [...client.calls];
    client.emit(kind);
    expect(client.calls).toEqual(before);
    expect(connection.state).toBe("Established");
  });
});

test("closing during the handshake sends one CLOSE, and the end is told once", () => {
  const client = new Client();
  const connection = client.start();
  connection.close(5, "changed my mind");
  connection.close(6);
  const kinds = client.native.consume(0).map((command) => command[COMMAND_KIND_WORD]);
  expect(kinds).toEqual([COMMAND_CLOSE]);
  client.emit(EVENT_CONNECTED);
  expect(client.sink).toBeNull();
  client.emit(EVENT_CLOSING);
  client.emit(EVENT_CLOSED);
  expect(client.calls).toEqual(["started", "ended peer 0"]);
  client.native.expectNoLeases();
});

test("a CONNECT_STARTED whose slot is another's already still ends by its CLOSED", () => {
  const client = new Client();
  const requestId = client.connect();
  client.native.connect(0, 0, 2);
  client.emit(EVENT_CONNECT_STARTED, { requestId });
  client.emit(EVENT_CLOSED);
  expect(client.calls).toEqual(["started", "ended peer 0"]);
  expect(client.fixture.dispatcher.liveConnections).toBe(0);
});
