/** The public interface of the package. */

export { EchoFactory } from "./apps/echo/factory.ts";
export { H3Error, H3ErrorCode } from "./apps/h3/error.ts";
export { H3Factory } from "./apps/h3/factory.ts";
export { HqFactory } from "./apps/hq/factory.ts";
export { connectH3, type H3Client, type H3ConnectOptions } from "./client/h3.ts";
export {
  type ClientEngineOptions,
  type ClientTlsOptions,
  ConnectError,
  type ConnectFailure,
  type ConnectOptions,
  connect,
  QuicClient,
} from "./client.ts";
export type { CipherSuite } from "./native/addon.ts";
export type { QlogOptions, TransportOptions } from "./server/options.ts";
export {
  type AppThreadView,
  QuicServer,
  type QuicServerOptions,
  type RunningServer,
  type ServeOptions,
  serve,
} from "./server.ts";
export { AmbiguousIdError, type WhyList } from "./telemetry/why_desk.ts";
export type { Cause, WhyReport, WhyStream } from "./telemetry/why_report.ts";
export type {
  AppEvent,
  CloseInfo,
  ConnectionHandle,
  ConnectionSink,
  ConnectionStats,
  QuicAppFactory,
  QuicConnection,
  RequestId,
  SinkConnection,
  SocketAddress,
  TransportControls,
} from "./transport/app.ts";
export type { FileSource } from "./transport/body_source.ts";
export type { Chunk, ChunkView } from "./transport/chunk.ts";
export { ConnectionError, StreamError } from "./transport/error.ts";
export { AppRegistry } from "./transport/registry.ts";
export type {
  ReceiveStream,
  SendBuffer,
  SendStream,
  StreamSink,
  TransportStream,
} from "./transport/stream.ts";
