/** The public interface of the package. */

export { EchoFactory } from "./apps/echo/factory.ts";
export { H3Factory } from "./apps/h3/factory.ts";
export { HqFactory } from "./apps/hq/factory.ts";
export {
  type AppThreadView,
  QuicServer,
  type QuicServerOptions,
  type RunningServer,
  type ServeOptions,
  serve,
} from "./server.ts";
export type {
  AppEvent,
  CloseInfo,
  ConnectionHandle,
  ConnectionSink,
  ConnectionStats,
  QuicAppFactory,
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
