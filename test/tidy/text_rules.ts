/** Words and forms that don't belong in a file. */
import {
  codeOf,
  eachLine,
  isC,
  isGenerated,
  isTidyItself,
  isTypeScript,
  type Source,
  type Violation,
} from "./source.ts";

export function noAny(source: Source): Violation[] {
  if (!isTypeScript(source.path)) return [];
  const text = withoutProse(source.text);
  return eachLine({ ...source, text }, (line) =>
    /(:|\bas|<|,|\||&|=)\s*any\b(?!\()|\bany\[\]/.test(codeOf(line)) ? "no `any`" : null,
  );
}

/** Comment blocks and templates span lines and hold plain English; the lines themselves stay. */
function withoutProse(text: string): string {
  const emptied = (prose: string): string => prose.replaceAll(/[^\n]/g, "");
  return text
    .replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, emptied)
    .replaceAll(/(^|\s)\/\/.*/g, emptied)
    .replaceAll(/`[^`]*`/g, (template) => `""${emptied(template)}`);
}

export function noLeftovers(source: Source): Violation[] {
  if (isTidyItself(source.path)) return [];
  const isPatch = source.path.endsWith(".patch");
  return eachLine(source, (line) => {
    /* What a patch takes out or leaves around it is not ours. */
    if (isPatch && !line.startsWith("+")) return null;
    const word = /\b(TODO|FIXME|XXX|HACK)\b/.exec(line)?.[1];
    return word === undefined ? null : `${word}: do it, or file it`;
  });
}

const LOCK_FILES = /(^|\/)(Cargo\.lock|bun\.lock)$/;
const MACHINE_PATH = /(?<![\w./-])\/(work|root|tmp\/w)(\/|\b)(?![\w-]*\))/;
const REGISTRY_HOST =
  /\b(registry\.[a-z]+js\.\w+|pypi\.\w+|index\.crates\.\w+|proxy\.golang\.\w+)\b/;

export function noMachineNames(source: Source): Violation[] {
  if (isTidyItself(source.path)) return [];
  return eachLine(source, (line) => {
    const path = MACHINE_PATH.exec(line)?.[0];
    if (path !== undefined) return `path of one machine: ${path}`;
    // Cargo writes its index into its lock file whatever one does; bun's stays free of hosts.
    const host = source.path.endsWith("Cargo.lock") ? undefined : REGISTRY_HOST.exec(line)?.[0];
    if (host !== undefined) return `host of a package registry: ${host}`;
    return LOCK_FILES.test(source.path) && /"https?:/.test(line) ? "address in a lock file" : null;
  });
}

export const CITATION = "cite as `RFC 9114 §7.1`";

export function citationForm(source: Source): Violation[] {
  // A patch speaks as the code around it does.
  if (isTidyItself(source.path) || source.path.endsWith(".patch")) return [];
  const wrong = [
    /\bRFC-?\d{3,5}\b/,
    /\bRFC \d+,? (?:[Ss]ection|[Ss]ec\.?) ?\d/,
    /\bRFC \d+(?:, ?§|§| § | §[Ss])/,
    /(?:\b[Ss]ection|§) ?\d[\d.]* of RFC\b/,
  ];
  return eachLine(source, (line) => (wrong.some((form) => form.test(line)) ? CITATION : null));
}

/** Names that the host or a tool looks for, and declarations of libraries (mimalloc: mi_). */
const FOREIGN_ENTRIES =
  /^(main|napi_register_module_v1|node_api_module_get_api_version_v1|mi_\w+|NAPI_\w+)$/;
/** native/sim stands in for functions of others: the linker's names for that, and libc's. */
const STAND_INS = /^(__(wrap|real)_\w+|clock_gettime|gettimeofday|time|getrandom)$/;
const C_FUNCTION =
  /^(?!static\b|static_assert|_Static_assert|typedef\b|return\b|else\b|#)[A-Za-z_][\w\s*()"]*?\b(\w+)\([^;]*(\)|,|;)\s*\{?$/;

/** C has one name space: what is seen outside its file says whose it is. */
export function symbolPrefix(source: Source): Violation[] {
  const ours = source.path.startsWith("native/") && isC(source.path);
  if (!ours || isGenerated(source.path)) return [];
  return eachLine(source, (line) => {
    const code = codeOf(line)
      .trimEnd()
      .replace(/__attribute__\(\(.*?\)\)\s*/, "");
    const name = C_FUNCTION.exec(code)?.[1];
    if (name === undefined || /^(quicd|qd)_/.test(name) || FOREIGN_ENTRIES.test(name)) return null;
    if (source.path.startsWith("native/sim/") && STAND_INS.test(name)) return null;
    // Macros, and declarations of a library's own functions.
    if (/^[A-Z]/.test(name)) return null;
    return `${name} is visible in other files: static, or quicd_/qd_`;
  });
}

/** Links between files of the repository lead somewhere. */
export function deadLinks(source: Source, exists: (path: string) => boolean): Violation[] {
  if (!source.path.endsWith(".md")) return [];
  const folder = source.path.split("/").slice(0, -1).join("/");
  return eachLine(source, (line) => {
    const targets = [...line.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(
      (m) => m[1] ?? "",
    );
    const dead = targets.find((target) => !exists(folder === "" ? target : `${folder}/${target}`));
    return dead === undefined ? null : `link to ${dead}, which is not there`;
  });
}
