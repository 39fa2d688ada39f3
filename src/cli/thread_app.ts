/**
 * The module that every app thread imports for `quicd serve`: it makes the same handler there that
 * the main thread would have had.
 */
import type { H3Handler } from "../apps/h3/handler.ts";
import { importApp } from "./app_module.ts";
import { openFolder } from "./registry.ts";
import { announcedThreadSubject, type ThreadSubject } from "./thread_subject.ts";

async function makeHandler({ app, folder, index }: ThreadSubject): Promise<H3Handler> {
  if (app === "") return { fetch: openFolder(folder, index).fetch };
  const { fetch, error } = await importApp(app);
  return { fetch, error };
}

export default await makeHandler(announcedThreadSubject());
