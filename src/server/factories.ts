/**
 * The applications that `serve` knows by ALPN. Others are registered by hand: {@link QuicServer}.
 */
import { EchoFactory } from "../apps/echo/factory.ts";
import type { H3Factory } from "../apps/h3/factory.ts";
import type { QuicAppFactory } from "../transport/app.ts";

/** @throws TypeError for an ALPN that has no application here. */
export function factoryFor(alpn: string, h3: H3Factory): QuicAppFactory {
  if (h3.acceptsAlpn(alpn)) return h3;
  const echo = new EchoFactory();
  if (echo.acceptsAlpn(alpn)) return echo;
  throw new TypeError(`serve() has no application for ALPN "${alpn}": use QuicServer`);
}
