/**
 * Who may import whom in src/:
 *
 *     wire <- transport <- apps/NAME        http (static files, router): no app
 *     native: the only place of bun:ffi, reached by transport and by nothing an app imports
 *
 * Outside src/ one file has bun:ffi too, the system calls of the interop lab's simulator.
 *
 * Type imports cost nothing at run time, so an app may name a type from anywhere in transport; a
 * value import must not lead to native, however long the way: apps are tested without the native
 * build.
 */
import { dirname, join, normalize } from "node:path";
import { isTypeScript, type Source, type Violation } from "./source.ts";

interface Import {
  line: number;
  target: string;
  typeOnly: boolean;
}

const IMPORT =
  /^[ \t]*(?:(import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?|.*\bimport\()["']([^"']+)["']/gm;

export function importsOf(source: Source): Import[] {
  return [...source.text.matchAll(IMPORT)].flatMap((match) => {
    const specifier = match[3] ?? "";
    const line = source.text.slice(0, (match.index ?? 0) + match[0].length).split("\n").length;
    return [{ line, target: resolve(source.path, specifier), typeOnly: match[2] !== undefined }];
  });
}

function resolve(from: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  const path = normalize(join(dirname(from), specifier));
  return /\.\w+$/.test(path) ? path : `${path}.ts`;
}

/** The part of src/ that a file belongs to: "wire", "apps/h3", "cli.ts"; null outside src/. */
function layerOf(path: string): string | null {
  const parts = path.split("/");
  if (parts[0] !== "src") return null;
  return parts[1] === "apps" ? `apps/${parts[2]}` : (parts[1] ?? null);
}

/** Layers that a layer may import beside itself; a layer that is not here may import anything. */
const SHARED = ["assert.ts"];
const MAY_IMPORT: Record<string, string[]> = {
  wire: [],
  native: ["wire"],
  transport: ["wire", "native", "telemetry"],
  telemetry: ["wire", "transport"],
  http: ["wire", "transport", "telemetry"],
};
const APP_MAY_IMPORT = ["wire", "transport", "telemetry"];

/** The interop lab's simulator works without our native part. */
const SYSTEM_CALLS = "interop/lab/simulator/libc.ts";

function forbidden(from: string, edge: Import): string | null {
  const layer = layerOf(from);
  if (edge.target === "bun:ffi" && layer !== "native" && from !== SYSTEM_CALLS) {
    return `only src/native and ${SYSTEM_CALLS} import bun:ffi`;
  }
  const other = layerOf(edge.target);
  if (layer === null) return null;
  if (/^(test|bench|interop)\//.test(edge.target)) return `src imports ${edge.target}`;
  if (other === null || other === layer || SHARED.includes(other)) return null;
  const allowed = layer.startsWith("apps/") ? APP_MAY_IMPORT : MAY_IMPORT[layer];
  return allowed === undefined || allowed.includes(other) ? null : `${layer} imports ${other}`;
}

export function importLayers(sources: Source[]): Violation[] {
  const typescript = sources.filter((source) => isTypeScript(source.path));
  const graph = new Map(typescript.map((source) => [source.path, importsOf(source)]));
  const violations: Violation[] = [];
  for (const [path, edges] of graph) {
    for (const edge of edges) {
      const rule = forbidden(path, edge) ?? leadsAstray(path, edge, graph);
      if (rule !== null) violations.push({ path, line: edge.line, rule });
    }
  }
  return violations;
}

/** A value import of an app that ends up in src/native, by whatever way. */
function leadsAstray(path: string, edge: Import, graph: Map<string, Import[]>): string | null {
  if (edge.typeOnly || !layerOf(path)?.startsWith("apps/")) return null;
  const way = wayToNative(edge.target, graph, new Set());
  return way === null ? null : `an app loads src/native: ${way.join(" -> ")}`;
}

function wayToNative(
  from: string,
  graph: Map<string, Import[]>,
  seen: Set<string>,
): string[] | null {
  if (layerOf(from) === "native") return [from];
  if (seen.has(from)) return null;
  seen.add(from);
  for (const edge of graph.get(from) ?? []) {
    if (edge.typeOnly) continue;
    const rest = wayToNative(edge.target, graph, seen);
    if (rest !== null) return [from, ...rest];
  }
  return null;
}
