/**
 * Serves a folder: GET and HEAD, validators, conditions, ranges, index files. It knows paths and
 * HTTP's rules about files, and no frames, no sockets, no listings.
 */
import { readlinkSync, realpathSync, statSync } from "node:fs";
import type { FileSource } from "../transport/body_source.ts";
import { chooseRange } from "./byte_range.ts";
import { formatTag } from "./entity_tag.ts";
import { FileBody, streamOf } from "./file_body.ts";
import { type Acquired, FileCache, ServedFile } from "./file_cache.ts";
import { judgePreconditions, mayAnswerRange, type RequestHeaders } from "./preconditions.ts";
import { formatPath, parseRequestTarget, type RequestTarget } from "./request_target.ts";

/** What a `Request` has, as far as files need it. */
export interface FileRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: RequestHeaders;
}

export interface StaticFilesOptions {
  /** File that stands for its directory. Default "index.html". */
  index?: string;
  /** Serve names that start with "."; `.well-known` (RFC 8615) always is. Default false. */
  dotfiles?: boolean;
  /** Descriptors kept open for reuse. Default 128; 0 keeps none. */
  openFiles?: number;
  /** Milliseconds since 1970. For tests. */
  now?: () => number;
  /**
   * Gives a response its body: whoever sends the response then closes `source`. Without it the
   * body is a web stream, which any server can send.
   */
  attach?: (response: Response, source: FileSource) => void;
}

export interface StaticFiles {
  /** Never throws: what goes wrong is a status. */
  fetch(request: FileRequest): Response;
  /** For HTTP/0.9, which has no status: null is "no such file". The caller closes the source. */
  resolveFile(path: string): FileSource | null;
  /** Closes the files that are kept open; those still being sent close when sent. */
  close(): void;
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  412: "Precondition Failed",
  416: "Range Not Satisfiable",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/**
 * @param root folder; resolved once, so a link that is switched later takes effect at a restart
 * @throws {Error} when `root` is no folder that can be read, or /proc is not mounted
 */
export function staticFiles(root: string, options: StaticFilesOptions = {}): StaticFiles {
  return new Folder(root, options);
}

class Folder implements StaticFiles {
  readonly #root: string;
  readonly #index: string;
  readonly #dotfiles: boolean;
  readonly #files: FileCache;
  readonly #now: () => number;
  readonly #attach: StaticFilesOptions["attach"];

  constructor(root: string, options: StaticFilesOptions) {
    this.#root = realpathSync(root);
    if (!statSync(this.#root).isDirectory()) throw new Error(`${root} is not a directory`);
    /* The check of where a link led reads it: without it nothing may be served. */
    readlinkSync("/proc/self/cwd");
    this.#index = options.index ?? "index.html";
    this.#dotfiles = options.dotfiles ?? false;
    this.#files = new FileCache(this.#root, options.openFiles ?? 128);
    this.#now = options.now ?? Date.now;
    this.#attach = options.attach;
  }

  readonly fetch = (request: FileRequest): Response => {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      return refusal(405, method, { allow: "GET, HEAD" });
    }
    const target = parseRequestTarget(request.url);
    if (target === "malformed") return refusal(400, method);
    if (target === "absent") return refusal(404, method);
    const file = this.#locate(target);
    if (file instanceof ServedFile) return this.#answer(request, file);
    if (file === "directory") {
      return refusal(308, method, { location: `${formatPath(target.segments)}/${target.query}` });
    }
    return refusal(STATUS_OF[file], method);
  };

  readonly resolveFile = (path: string): FileSource | null => {
    const target = parseRequestTarget(path);
    if (target === "malformed" || target === "absent") return null;
    const file = this.#locate(target);
    return file instanceof ServedFile ? new FileBody(file, 0, file.length) : null;
  };

  readonly close = (): void => this.#files.clear();

  /** "directory": one that was asked for without its "/". */
  #locate(target: RequestTarget): Acquired {
    const { segments, directory } = target;
    if (!this.#dotfiles && segments.some(isHidden)) return "absent";
    const path = [this.#root === "/" ? "" : this.#root, ...segments].join("/");
    if (!directory) return this.#files.acquire(path);
    const found = this.#files.acquire(`${path}/${this.#index}`);
    return found === "directory" ? "absent" : found;
  }

  /** Takes the hold on `file`. */
  #answer(request: FileRequest, file: ServedFile): Response {
    const nowMs = this.#now();
    const tag = file.tag(nowMs);
    const validators = { tag, modifiedSeconds: file.modifiedSeconds(nowMs), nowMs };
    const headers: Record<string, string> = {
      etag: formatTag(tag),
      "last-modified": file.lastModified(nowMs),
    };
    const verdict = judgePreconditions(request.headers, validators);
    if (verdict !== "perform") {
      file.release();
      if (verdict === "precondition-failed") return refusal(412, request.method);
      return new Response(null, { status: 304, headers });
    }
    /* Range means something for GET alone (RFC 9110 §14.2). */
    const asked = request.method === "GET" ? request.headers.get("range") : null;
    const ranged = asked !== null && mayAnswerRange(request.headers, validators);
    const range = ranged ? chooseRange(asked, file.length) : "whole";
    if (range === "unsatisfiable") {
      file.release();
      return refusal(416, request.method, { "content-range": `bytes */${file.length}` });
    }
    headers["content-type"] = file.contentType;
    headers["accept-ranges"] = "bytes";
    headers["x-content-type-options"] = "nosniff";
    if (range === "whole") return this.#send(request, 200, headers, file, 0, file.length);
    const last = range.start + range.length - 1;
    headers["content-range"] = `bytes ${range.start}-${last}/${file.length}`;
    return this.#send(request, 206, headers, file, range.start, range.length);
  }

  #send(
    request: FileRequest,
    status: number,
    headers: Record<string, string>,
    file: ServedFile,
    start: number,
    length: number,
  ): Response {
    headers["content-length"] = String(length);
    if (request.method === "HEAD" || length === 0) {
      file.release();
      return new Response(null, { status, headers });
    }
    const source = new FileBody(file, start, length);
    if (this.#attach === undefined) return new Response(streamOf(source), { status, headers });
    const response = new Response(null, { status, headers });
    this.#attach(response, source);
    return response;
  }
}

const STATUS_OF = { absent: 404, forbidden: 403, exhausted: 503, failed: 500 } as const;

function isHidden(name: string, place: number): boolean {
  return name.startsWith(".") && !(place === 0 && name === ".well-known");
}

/** An answer without a file. HEAD gets the same fields and no body. */
function refusal(status: number, method: string, fields: Record<string, string> = {}): Response {
  const reason = REASONS[status];
  const text = reason === undefined ? "" : `${status} ${reason}\n`;
  const headers = { ...fields, "content-length": String(text.length) };
  if (text === "") return new Response(null, { status, headers });
  const described = { ...headers, "content-type": "text/plain; charset=utf-8" };
  return new Response(method === "HEAD" ? null : text, { status, headers: described });
}
