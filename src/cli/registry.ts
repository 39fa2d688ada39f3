/** Which application answers which protocol, for a folder, an app, or both. */
import { EchoFactory } from "../apps/echo/factory.ts";
import { attachBodySource } from "../apps/h3/body.ts";
import { H3Factory } from "../apps/h3/factory.ts";
import type { H3Handler, H3Options } from "../apps/h3/handler.ts";
import { HqFactory } from "../apps/hq/factory.ts";
import { type Config, UserError } from "../config.ts";
import { type StaticFiles, type StaticFilesOptions, staticFiles } from "../http/static_files.ts";
import type { AppRegistry } from "../transport/registry.ts";
import type { Subject } from "./subject.ts";

/**
 * Registers what the configuration offers, in its order. HTTP/0.9 has files only: without a folder
 * it is not offered. App threads make the same of it for themselves: see thread_app.ts.
 *
 * @throws {UserError} when that leaves nothing to offer, or the folder cannot be read
 */
export function registerApps(registry: AppRegistry, subject: Subject, options: H3Options): void {
  const { config, folder } = subject;
  const files = folder === "" ? null : openFolder(folder, sentInPlace(config.http));
  const hq = files === null ? null : new HqFactory(files.resolveFile);
  const h3 = new H3Factory(handlerOf(subject, files), options);
  for (const alpn of config.apps.alpn) {
    if (alpn === "echo") registry.register(alpn, new EchoFactory());
    else if (alpn !== "hq-interop") registry.register(alpn, h3);
    else if (hq !== null) registry.register(alpn, hq);
  }
  if (registry.alpns.length === 0) {
    throw new UserError("apps.alpn: hq-interop alone needs http.root", 2);
  }
}

function handlerOf({ app }: Pick<Subject, "app">, files: StaticFiles | null): H3Handler {
  if (app !== null) return { fetch: app.module.fetch, error: app.module.error };
  if (files === null) throw new UserError("there is neither an app nor a folder to serve", 2);
  return { fetch: files.fetch };
}

/** Bodies that are read into send memory. */
export function sentInPlace({ index }: Pick<Config["http"], "index">): StaticFilesOptions {
  return { index, attach: attachBodySource };
}

/** @throws {UserError} */
export function openFolder(folder: string, options: StaticFilesOptions): StaticFiles {
  try {
    return staticFiles(folder, options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot serve ${folder}: ${reason}`, 1);
  }
}
