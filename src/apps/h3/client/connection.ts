/**
 * One HTTP/3 connection, client side: opens a stream for each request, holds the rules that span
 * streams, and turns errors into codes on the wire.
 */
import type { CloseInfo, ConnectionSink, SinkConnection } from "../../../transport/app.ts";
import { ConnectionError } from "../../../transport/error.ts";
import type { StreamSink, TransportStream } from "../../../transport/stream.ts";
import type { ChunkReader } from "../chunk_reader.ts";
import { ControlStreamReader } from "../control_stream.ts";
import { ControlWriter } from "../control_writer.ts";
import { H3Error, H3ErrorCode } from "../error.ts";
import {
  PeerStream,
  type PeerStreamOwner,
  type PeerStreamReader,
  StreamType,
} from "../peer_stream.ts";
import { DecoderStreamReader } from "../qpack/decoder_stream.ts";
import { EncoderStreamReader } from "../qpack/encoder_stream.ts";
import { FieldSectionDecoder } from "../qpack/field_section_decoder.ts";
import { MAX_FIELD_SECTION_BYTES } from "../settings.ts";
import { ClientExchange, type ClientExchangeOwner, type ReceivedResponse } from "./exchange.ts";
import { encodeRequestHead, type RequestFields } from "./request_head.ts";

const IGNORED: StreamSink = {
  onData() {},
  onReset() {},
  onStopped() {},
  onWritable() {},
  onConnectionClosed() {},
};

function goingAway(): H3Error {
  return new H3Error(H3ErrorCode.RequestRejected, "the server is going away: ask another one");
}

/** A request under way, as its connection sees it. */
export interface Exchange {
  /** -1 before it has a stream. */
  readonly streamId: number;
  /** It has a stream and no request yet: not worth waiting for when the connection ends. */
  readonly idle?: boolean;
  /** Begins on its stream; returns the sink of it. */
  open(stream: TransportStream): StreamSink;
  /** Nobody wants its answer any more. */
  abort(reason: unknown): void;
  /** There will be no answer. */
  fail(reason: unknown): void;
}

export class H3ClientConnection implements ConnectionSink, PeerStreamOwner, ClientExchangeOwner {
  readonly handle: SinkConnection;
  readonly decoder = new FieldSectionDecoder(MAX_FIELD_SECTION_BYTES);
  readonly maxFieldSectionBytes = MAX_FIELD_SECTION_BYTES;
  readonly #controlWriter: ControlWriter;
  readonly #controlReader = new ControlStreamReader((id) => this.#onGoaway(id));
  /** Types of the critical streams that the server has opened: each comes once. */
  readonly #opened = new Set<number>();
  readonly #exchanges = new Set<Exchange>();
  #lost: Exchange[] = [];
  /** Why it ended, for whoever asks too late. */
  #end: Error | null = null;
  #stage: "open" | "draining" | "closed" = "open";

  constructor(connection: SinkConnection) {
    this.handle = connection;
    this.#controlWriter = new ControlWriter(MAX_FIELD_SECTION_BYTES, (error) => this.fail(error));
    // No QPACK streams of ours: with a table of capacity 0 both would stay empty (RFC 9204 §4.2).
    connection.openStream(false, (stream) => {
      if (stream !== null) return this.#controlWriter.open(stream);
      this.fail(
        new H3Error(H3ErrorCode.GeneralProtocolError, "no stream for control", "connection"),
      );
      return null;
    });
  }

  /** Requests without a complete response. */
  get openRequests(): number {
    return this.#exchanges.size;
  }

  /** Null until the server's SETTINGS came. */
  get settings() {
    return this.#controlReader.settings;
  }

  /**
   * Resolves with head and content of the final response. Takes `content`.
   * @throws {H3Error} with the code of RFC 9114 §8.1; ConnectionError when the connection ended;
   *   TypeError for a head that cannot be sent; the reason of `signal`.
   */
  async request(
    fields: RequestFields,
    content: ChunkReader | null,
    signal?: AbortSignal,
  ): Promise<ReceivedResponse> {
    signal?.throwIfAborted();
    if (this.#end !== null) throw this.#end;
    if (this.#stage !== "open") throw goingAway();
    const sectionBytesMax = this.settings?.maxFieldSectionBytes ?? Number.POSITIVE_INFINITY;
    const head = encodeRequestHead(fields, sectionBytesMax);
    const exchange = new ClientExchange(this, fields.method, head, content);
    // Also while the content still comes: the signal is about all of it.
    signal?.addEventListener("abort", () => exchange.abort(signal.reason), { once: true });
    this.begin(exchange);
    return await exchange.response;
  }

  /** False: a request now would be refused. */
  get accepting(): boolean {
    return this.#stage === "open";
  }

  /**
   * Gives `exchange` a stream, or fails it. For who counts nanoseconds: it writes and reads its
   * stream itself, and says {@link onEnd} or {@link onLost}.
   */
  begin(exchange: Exchange): void {
    this.#exchanges.add(exchange);
    this.handle.openStream(true, (stream) => {
      if (stream !== null) return exchange.open(stream);
      exchange.fail(this.#end ?? new ConnectionError("the server allows no more streams now"));
      return null;
    });
  }

  onStream(stream: TransportStream): StreamSink {
    if (this.#stage === "closed") return IGNORED;
    if (!stream.bidirectional) return new PeerStream(this, stream);
    // RFC 9114 §6.1.
    this.fail(new H3Error(H3ErrorCode.StreamCreationError, "bidirectional stream of a server"));
    return IGNORED;
  }

  openReader(type: number): PeerStreamReader | null {
    let reader: PeerStreamReader;
    if (type === StreamType.Control) reader = this.#controlReader;
    else if (type === StreamType.QpackEncoder) reader = new EncoderStreamReader();
    else if (type === StreamType.QpackDecoder) reader = new DecoderStreamReader();
    else if (type === StreamType.Push) {
      // RFC 9114 §4.6: no MAX_PUSH_ID was sent.
      throw new H3Error(H3ErrorCode.IdError, "push stream that was not allowed");
    } else return null;
    if (this.#opened.has(type)) {
      throw new H3Error(H3ErrorCode.StreamCreationError, `second stream of type ${type}`);
    }
    this.#opened.add(type);
    return reader;
  }

  onEnd(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
    this.#closeIfIdle();
  }

  onLost(exchange: Exchange): void {
    this.#lost.push(exchange);
  }

  /** The one place where an error becomes the end of a connection. */
  fail(error: unknown): void {
    if (this.#stage === "closed") return;
    const known = error instanceof H3Error ? error : null;
    this.#close(error instanceof Error ? error : new Error(String(error)));
    this.handle.close(known?.code ?? H3ErrorCode.InternalError, known?.message ?? "internal error");
  }

  onDatagram(): void {
    // SETTINGS_H3_DATAGRAM is not sent (RFC 9297 §2.1.1), so the peer sends none.
  }

  /** No more requests; closes after the last response. */
  onShutdown(): void {
    if (this.#stage !== "open") return;
    this.#stage = "draining";
    this.#dropIdle();
    this.#closeIfIdle();
  }

  onClosed(info: CloseInfo): void {
    const code = `0x${info.code.toString(16)}`;
    const said = info.reason === "" ? "" : `: ${info.reason}`;
    let text = `by ${info.by}, ${code}${said}`;
    if (info.by === "timeout") text = "no packet came in time";
    if (info.by === "reset") text = "the server has forgotten it";
    this.#close(new ConnectionError(`the connection ended: ${text}`, info.code));
    for (const exchange of this.#lost.splice(0)) exchange.fail(this.#end);
  }

  #close(why: Error): void {
    this.#stage = "closed";
    this.#end ??= why;
  }

  #onGoaway(streamId: number): void {
    if (this.#stage === "open") this.#stage = "draining";
    for (const exchange of [...this.#exchanges]) {
      if (exchange.streamId >= streamId) exchange.abort(goingAway());
    }
    this.#dropIdle();
    this.#closeIfIdle();
  }

  #dropIdle(): void {
    for (const exchange of [...this.#exchanges]) {
      if (exchange.idle === true) exchange.abort(goingAway());
    }
  }

  #closeIfIdle(): void {
    if (this.#exchanges.size > 0 || this.#stage !== "draining") return;
    this.#close(goingAway());
    // Whole responses to all that was sent: nothing is on its way that anybody waits for.
    this.handle.close(H3ErrorCode.NoError);
  }
}
