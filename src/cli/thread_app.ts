/**
 * The module that every app thread imports for `quicd serve`: it makes the same handler there that
 * the main thread would have had.
 */
import type { AppHandler } from "../server/app_handler.ts";
import { importApp } from "./app_module.ts";
import { openFolder, sentInPlace } from "./registry.ts";
import { announcedThreadSubject, type ThreadSubject } from "./thread_subject.ts";

async function makeHandler({ app, folder, index }: ThreadSubject): Promise<AppHandler> {
  const files = folder === "" ? null : openFolder(folder, sentInPlace({ index }));
  const resolveFile = files?.resolveFile;
  if (app !== "") {
    const { fetch, error } = await importApp(app);
    return { fetch, error, resolveFile };
  }
  return { fetch: files?.fetch, resolveFile };
}

export default await makeHandler(announcedThreadSubject());
