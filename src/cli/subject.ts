/** What is served: the folder or app that the command line or the configuration names. */
import { resolve } from "node:path";
import { type Config, loadConfig, UserError } from "../config.ts";
import { type AppModule, importApp, isFolder } from "./app_module.ts";
import type { ServeInvocation } from "./arguments.ts";
import { requireFolder } from "./check.ts";

export interface Subject {
  /** As the user named it. */
  name: string;
  config: Config;
  /** Null: a folder alone. */
  app: { module: AppModule; path: string } | null;
  /** Absolute; "" when there is only an app. */
  folder: string;
}

/** Served when nothing is named: where the sample site is. */
const DEFAULT_FOLDER = "public";

/**
 * The configuration is checked before any code of the app runs, and read again with the wishes of
 * the app (`port`, `hostname`) below it.
 *
 * @throws {UserError}
 */
export async function chooseSubject(
  { target, configPath, flags }: ServeInvocation,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Subject> {
  const sources = { path: configPath, env, flags };
  const config = loadConfig(sources);
  const { root } = config.http;
  if (target === "") {
    const folder = root === "" ? resolve(DEFAULT_FOLDER) : root;
    requireNamed(root, folder);
    return { name: folder, config, app: null, folder };
  }
  if (isFolder(target)) return { name: target, config, app: null, folder: resolve(target) };
  if (root !== "") requireFolder(root);
  const module = await importApp(target);
  const path = resolve(target);
  const reread = loadConfig({ ...sources, app: module.defaults });
  return { name: target, config: reread, app: { module, path }, folder: root };
}

function requireNamed(root: string, folder: string): void {
  try {
    requireFolder(folder);
  } catch (error) {
    if (root !== "") throw error;
    throw new UserError("what should be served? quicd serve DIRECTORY, or quicd serve app.ts", 2);
  }
}
