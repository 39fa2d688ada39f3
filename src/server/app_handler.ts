/** What an application gives a server: functions, its own or those of a module. */
import { installKnownResponse } from "../apps/h3/globals.ts";
import type { H3Handler } from "../apps/h3/handler.ts";
import type { HqResolve } from "../apps/hq/factory.ts";

export interface AppHandler extends H3Handler {
  /** The files of `hq-interop` (HTTP/0.9); only that protocol asks for it. */
  resolveFile?: HqResolve | undefined;
}

/**
 * @param module specifier; its default export is the application
 * @throws TypeError when that has no handler
 */
export async function importHandler(module: string): Promise<AppHandler> {
  // Before the module is loaded, so that what it captures is what is sent fastest.
  installKnownResponse();
  const exported: { default?: AppHandler } = await import(module);
  const handler = exported.default;
  if (typeof handler?.fetch === "function" || typeof handler?.lean === "function") return handler;
  throw new TypeError(`${module} needs a default export with fetch(request, server)`);
}
