/**
 * The applications that `serve` knows by ALPN. Others are registered by hand: {@link QuicServer}.
 */
import { EchoFactory } from "../apps/echo/factory.ts";
import type { H3Factory } from "../apps/h3/factory.ts";
import { HqFactory } from "../apps/hq/factory.ts";
import type { QuicAppFactory } from "../transport/app.ts";
import type { AppHandler } from "./app_handler.ts";

const HQ = "hq-interop";

/**
 * @param h3 made from `handler`
 * @throws TypeError for an ALPN that has no application here, or that `handler` has nothing for.
 */
export function factoryFor(alpn: string, h3: H3Factory, handler: AppHandler): QuicAppFactory {
  if (h3.acceptsAlpn(alpn)) return h3;
  const echo = new EchoFactory();
  if (echo.acceptsAlpn(alpn)) return echo;
  if (alpn !== HQ) {
    throw new TypeError(`serve() has no application for ALPN "${alpn}": use QuicServer`);
  }
  if (handler.resolveFile === undefined) {
    throw new TypeError(`ALPN "${HQ}" serves files: it needs resolveFile(path) beside fetch`);
  }
  return new HqFactory((path) => handler.resolveFile!(path));
}
