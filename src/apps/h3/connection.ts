/**
 * One HTTP/3 connection, server side: hands streams to those who read them, holds the rules that
 * span streams, and turns errors into codes on the wire.
 */
import type { CloseInfo, ConnectionSink, SinkConnection } from "../../transport/app.ts";
import type { StreamSink, TransportStream } from "../../transport/stream.ts";
import { ControlStreamReader } from "./control_stream.ts";
import { ControlWriter } from "./control_writer.ts";
import { H3Error, H3ErrorCode } from "./error.ts";
import type { ExchangeOwner } from "./exchange.ts";
import type { H3Handler, ServerFacade } from "./handler.ts";
import type { HeadReader } from "./head_reader.ts";
import type { RequestHead } from "./message.ts";
import {
  PeerStream,
  type PeerStreamOwner,
  type PeerStreamReader,
  StreamType,
} from "./peer_stream.ts";
import { DecoderStreamReader } from "./qpack/decoder_stream.ts";
import { EncoderStreamReader } from "./qpack/encoder_stream.ts";
import { RequestStream } from "./request_stream.ts";
import type { ResponseHeadEncoder } from "./response_head.ts";

/** What all connections of an app thread share; the factory. */
export interface H3Shared {
  readonly handler: H3Handler;
  readonly heads: HeadReader;
  readonly responseHeads: ResponseHeadEncoder;
  readonly serverFacade: ServerFacade;
  readonly maxFieldSectionBytes: number;
  readonly maxRequestBodyBytes: number;
  readonly logging: boolean;
  onExchangeStart(): void;
  onExchangeEnd(): void;
  reportError(error: unknown, connectionId: string): void;
  logRequest(
    connection: SinkConnection,
    head: RequestHead | null,
    status: number,
    bytes: number,
    startedMs: number,
  ): void;
}

/**
 * Requests broken off or malformed beyond those completed (CVE-2023-44487 and its kind). A page
 * that is left cancels all its streams, 256 at most, a few times over.
 */
const FAULTS_MAX = 1000;

const IGNORED: StreamSink = {
  onData() {},
  onReset() {},
  onStopped() {},
  onWritable() {},
  onConnectionClosed() {},
};

/** Ids of streams that the client opens for requests are 4 apart (RFC 9000 §2.1). */
const REQUEST_ID_STEP = 4;

export class H3Connection implements ConnectionSink, PeerStreamOwner, ExchangeOwner {
  readonly handle: SinkConnection;
  readonly heads: HeadReader;
  readonly responseHeads: ResponseHeadEncoder;
  readonly handler: H3Handler;
  readonly serverFacade: ServerFacade;
  readonly maxFieldSectionBytes: number;
  readonly maxRequestBodyBytes: number;
  readonly logging: boolean;
  readonly #shared: H3Shared;
  readonly #controlWriter: ControlWriter;
  /**
   * Types of the critical streams that the client has opened: each comes once (RFC 9114 §6.2.1, RFC
   * 9204 §4.2).
   */
  readonly #opened = new Set<number>();
  /** The first request id that was not accepted yet. */
  #nextRequestId = 0;
  #openExchanges = 0;
  #faults = 0;
  #stage: "open" | "draining" | "closed" = "open";

  constructor(connection: SinkConnection, shared: H3Shared) {
    this.handle = connection;
    this.#shared = shared;
    this.heads = shared.heads;
    this.responseHeads = shared.responseHeads;
    this.handler = shared.handler;
    this.serverFacade = shared.serverFacade;
    this.maxFieldSectionBytes = shared.maxFieldSectionBytes;
    this.maxRequestBodyBytes = shared.maxRequestBodyBytes;
    this.logging = shared.logging;
    this.#controlWriter = new ControlWriter(shared.maxFieldSectionBytes, (error) =>
      this.fail(error),
    );
    // No QPACK streams of ours: with a table of capacity 0 both would stay empty (RFC 9204 §4.2).
    connection.openStream(false, (stream) => {
      if (stream !== null) return this.#controlWriter.open(stream);
      this.fail(
        new H3Error(H3ErrorCode.GeneralProtocolError, "no stream for control", "connection"),
      );
      return null;
    });
  }

  onStream(stream: TransportStream): StreamSink {
    if (this.#stage === "closed") return IGNORED;
    if (!stream.bidirectional) return new PeerStream(this, stream);
    if (this.#stage === "draining" && stream.id >= this.#nextRequestId) {
      stream.send!.reset(H3ErrorCode.RequestRejected);
      stream.stop(H3ErrorCode.RequestRejected);
      return IGNORED;
    }
    if (stream.id >= this.#nextRequestId) this.#nextRequestId = stream.id + REQUEST_ID_STEP;
    return new RequestStream(this, stream);
  }

  openReader(type: number): PeerStreamReader | null {
    let reader: PeerStreamReader;
    if (type === StreamType.Control) reader = new ControlStreamReader();
    else if (type === StreamType.QpackEncoder) reader = new EncoderStreamReader();
    else if (type === StreamType.QpackDecoder) reader = new DecoderStreamReader();
    else if (type === StreamType.Push) {
      throw new H3Error(H3ErrorCode.StreamCreationError, "push stream of a client");
    } else return null;
    if (this.#opened.has(type)) {
      throw new H3Error(H3ErrorCode.StreamCreationError, `second stream of type ${type}`);
    }
    this.#opened.add(type);
    return reader;
  }

  onExchangeStart(): void {
    this.#openExchanges++;
    this.#shared.onExchangeStart();
  }

  onExchangeEnd(): void {
    this.#openExchanges--;
    if (this.#faults > 0) this.#faults--;
    this.#shared.onExchangeEnd();
    if (this.#stage === "draining") this.#closeIfIdle();
  }

  onStreamFault(): void {
    // The exchange that ends by it will take one off again.
    this.#faults += 2;
    if (this.#faults > FAULTS_MAX) {
      this.fail(new H3Error(H3ErrorCode.ExcessiveLoad, "too many broken requests", "connection"));
    }
  }

  reportError(error: unknown): void {
    this.#shared.reportError(error, this.handle.connectionId);
  }

  logRequest(head: RequestHead | null, status: number, bytes: number, startedMs: number): void {
    this.#shared.logRequest(this.handle, head, status, bytes, startedMs);
  }

  /** The one place where an error becomes the end of a connection. */
  fail(error: unknown): void {
    if (this.#stage === "closed") return;
    this.#stage = "closed";
    if (error instanceof H3Error) {
      this.handle.close(error.code, error.message);
    } else {
      this.reportError(error);
      this.handle.close(H3ErrorCode.InternalError, "internal error");
    }
  }

  onDatagram(): void {
    // SETTINGS_H3_DATAGRAM is not sent (RFC 9297 §2.1.1), so the peer sends none; a stray one means
    // nothing.
  }

  onShutdown(): void {
    if (this.#stage !== "open") return;
    this.#stage = "draining";
    this.#controlWriter.sendGoaway(this.#nextRequestId);
    this.#closeIfIdle();
  }

  /** Closes when no request is open; the transport waits until the last response has arrived. */
  #closeIfIdle(): void {
    if (this.#openExchanges > 0 || this.#stage !== "draining") return;
    this.#stage = "closed";
    this.handle.closeWhenDelivered(H3ErrorCode.NoError, "shutdown");
  }

  onClosed(_info: CloseInfo): void {
    this.#stage = "closed";
  }
}
