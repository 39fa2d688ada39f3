/** Imports what `quicd serve app.ts` is given: the shape that `Bun.serve` takes too. */

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { installKnownResponse } from "../apps/h3/globals.ts";
import type { TextValue } from "../config/layer.ts";
import { UserError } from "../config/user_error.ts";

/** Hono, Elysia and plain objects have it; what comes behind `request` is the server's business. */
export interface AppModule {
  fetch(request: Request, ...rest: unknown[]): Response | Promise<Response>;
  error?: (error: unknown) => Response | Promise<Response>;
  /** `port` and `hostname` of the default export, weaker than every other source. */
  defaults: TextValue[];
}

const EXPECTED = '  it needs: export default { fetch(request) { return new Response("hello") } }';

/** @throws {UserError} when the module exports no app or fails while it is imported */
export async function importApp(path: string): Promise<AppModule> {
  const exported = await importModule(path);
  const app = asObject(exported.default) ?? exported;
  const { fetch, error } = app;
  if (typeof fetch !== "function") {
    throw new UserError(`${path} exports no fetch function\n${EXPECTED}`, 2);
  }
  const module: AppModule = {
    fetch: (request, ...rest) => Reflect.apply(fetch, app, [request, ...rest]),
    defaults: defaultsOf(app, path),
  };
  if (typeof error === "function") module.error = (thrown) => Reflect.apply(error, app, [thrown]);
  return module;
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot serve ${path}: ${reason}`, 2);
  }
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  try {
    installKnownResponse();
    return asObject(await import(pathToFileURL(resolve(path)).href)) ?? {};
  } catch (error) {
    /* The app's own bug: its author needs the place, which the stack of this error names. */
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new UserError(`${path} failed while it was imported:\n${reason}`, 1);
  }
}

function defaultsOf(app: Record<string, unknown>, origin: string): TextValue[] {
  const defaults: TextValue[] = [];
  const { port, hostname } = app;
  if (typeof port === "number" || typeof port === "string") {
    defaults.push({ section: "netio", option: "port", origin, text: String(port) });
  }
  if (typeof hostname === "string") {
    defaults.push({ section: "netio", option: "host", origin, text: hostname });
  }
  return defaults;
}

/** Functions too: Elysia's and other frameworks' apps may be callable. */
function asObject(value: unknown): Record<string, unknown> | null {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject ? (value as Record<string, unknown>) : null;
}
