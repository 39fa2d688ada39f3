/** The Unix socket at which a running server answers `quicd why`. */
import { lstatSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Socket, UnixSocketListener } from "bun";
import { prepareControlFolder } from "./control_place.ts";
import { type ControlAnswer, parseRequest, REQUEST_BYTES_MAX } from "./control_protocol.ts";
import { AmbiguousIdError, type WhyList } from "./why_desk.ts";
import type { WhyReport } from "./why_report.ts";

/** What is asked. */
export interface ControlSubject {
  why(id: string): Promise<WhyReport | null>;
  whyAll(): Promise<WhyList>;
}

/** One that asks. */
interface Asker {
  /** Of a line that is not complete. */
  rest: string;
  /** Answers go out in order, one at a time. */
  answered: Promise<void>;
  /** What the kernel did not take yet. */
  unsent: Buffer;
  drained: (() => void) | null;
}

export class ControlServer {
  readonly path: string;
  readonly #subject: ControlSubject;
  #listener: UnixSocketListener<Asker> | null = null;

  constructor(path: string, subject: ControlSubject) {
    this.path = path;
    this.#subject = subject;
  }

  /**
   * Opens the socket, for this user alone.
   *
   * @param own its folder is ours: made where it is missing, and nobody else's
   * @throws Error when another server has the place, or the folder is not to be trusted
   */
  async start(own: boolean): Promise<void> {
    if (own) prepareControlFolder(dirname(this.path));
    await this.#clear();
    const before = process.umask(0o177);
    try {
      this.#listener = Bun.listen<Asker>({
        unix: this.path,
        socket: {
          open: (socket) => {
            const unsent = Buffer.alloc(0);
            socket.data = { rest: "", answered: Promise.resolve(), unsent, drained: null };
          },
          data: (socket, bytes) => this.#read(socket, bytes),
          drain: (socket) => flush(socket),
          close: (socket) => socket.data.drained?.(),
          error: (socket) => void socket.end(),
        },
      });
    } finally {
      process.umask(before);
    }
    // Only somebody who asks keeps the process alive, and nobody does for long.
    this.#listener.unref();
  }

  /** Closes it and removes the file. */
  stop(): void {
    if (this.#listener === null) return;
    this.#listener.stop(true);
    this.#listener = null;
    rmSync(this.path, { force: true });
  }

  /** What a server left behind that was killed is in the way; one that answers is not ours. */
  async #clear(): Promise<void> {
    const found = lstatSync(this.path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw new Error(`${this.path} is there already, and no socket`);
    const answers = await Bun.connect({ unix: this.path, socket: { data() {} } }).then(
      (socket) => {
        socket.end();
        return true;
      },
      () => false,
    );
    if (answers) throw new Error(`another server has its control socket at ${this.path}`);
    rmSync(this.path, { force: true });
  }

  #read(socket: Socket<Asker>, bytes: Buffer): void {
    const asker = socket.data;
    const lines = (asker.rest + bytes.toString()).split("\n");
    asker.rest = lines.pop() ?? "";
    if (asker.rest.length > REQUEST_BYTES_MAX || lines.length > REQUEST_BYTES_MAX) {
      socket.end();
      return;
    }
    for (const line of lines) {
      asker.answered = asker.answered.then(async () => {
        await send(socket, `${JSON.stringify(await this.#answer(line))}\n`);
      });
    }
  }

  async #answer(line: string): Promise<ControlAnswer> {
    const { pid } = process;
    const request = parseRequest(line);
    if (request === null) {
      const message = 'a request is {"ask":"list"} or {"ask":"why","id":"3f"}';
      return { ok: false, pid, error: "bad-request", message };
    }
    try {
      if (request.ask === "list") return { ok: true, pid, ...(await this.#subject.whyAll()) };
      const report = await this.#subject.why(request.id);
      if (report !== null) return { ok: true, pid, report };
      const message = `no live connection has an ID that begins with ${request.id}`;
      return { ok: false, pid, error: "unknown", message };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof AmbiguousIdError) {
        return { ok: false, pid, error: "ambiguous", message, ids: error.ids };
      }
      const kind = error instanceof TypeError ? "bad-request" : "failed";
      return { ok: false, pid, error: kind, message };
    }
  }
}

/** Resolves when the kernel has all of it, or the asker is gone. */
function send(socket: Socket<Asker>, text: string): Promise<void> {
  const asker = socket.data;
  return new Promise((resolve) => {
    asker.unsent = Buffer.from(text);
    asker.drained = resolve;
    flush(socket);
  });
}

function flush(socket: Socket<Asker>): void {
  const asker = socket.data;
  if (asker.unsent.length > 0) {
    const taken = socket.write(asker.unsent);
    if (taken > 0) asker.unsent = asker.unsent.subarray(taken);
    if (taken < 0) asker.unsent = Buffer.alloc(0);
  }
  if (asker.unsent.length > 0) return;
  asker.drained?.();
  asker.drained = null;
}
