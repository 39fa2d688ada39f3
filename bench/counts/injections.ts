/**
 * Changes for the worse, made on purpose in a copy of the tree: each has to be seen. They exist in
 * that copy only; nothing that is built to be shipped can reach them.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Counts } from "./figures.ts";

export interface Injection {
  name: string;
  file: string;
  /** A line of the file, and what it becomes. */
  line: string;
  becomes: string;
  /** One of the figures that must show it: operation and figure. */
  seenIn: "memory" | "syscalls" | "io_uring";
  operation: string;
  figure: string;
}

/** So many instructions are this share of what a turn of the server's takes for requests. */
function instructionsOf(share: number, memory: Counts): number {
  const figures = memory.request!.figures;
  return Math.ceil((share * figures["server instructions"]!) / figures["server turns"]!);
}

const BELL = "	quicd_app_ring_bell(app);";
const FLUSH =
  "bool quicd_connection_flush(struct quicd_connection *connection)\n{\n" +
  "	struct quicd_worker *worker = connection->worker;";
const GETPID = "	syscall(SYS_getpid);";

/** `memory`: the counts of the tree as it is. */
export function injections(memory: Counts): Injection[] {
  return [
    {
      name: "one more memcpy per packet",
      file: "native/receive.c",
      line: "	const int result = qd_recv(connection->quiche, bytes, length, from, to);",
      becomes: `	static uint8_t shadow[65536];
	memcpy(shadow, bytes, length);
	__asm__ volatile("" ::"r"(shadow) : "memory");
	const int result = qd_recv(connection->quiche, bytes, length, from, to);`,
      ...{ seenIn: "memory", operation: "upload", figure: "server copies" },
    },
    {
      name: "one more system call per flush",
      file: "native/flush.c",
      line: FLUSH,
      becomes: `${FLUSH}\n${GETPID}`,
      ...{ seenIn: "syscalls", operation: "request", figure: "server worker uncounted calls" },
    },
    {
      name: "GSO off",
      file: "native/flush.c",
      line: "	return connection->worker->net.udp.gso ? QUICD_TRAIN_SEGMENTS_MAX : 1;",
      becomes: "	return connection ? 1 : QUICD_TRAIN_SEGMENTS_MAX;",
      ...{ seenIn: "memory", operation: "download", figure: "server sends" },
    },
    {
      name: "one more wake-up per batch",
      file: "native/app.c",
      line: `${BELL}\n	return true;`,
      becomes: `${BELL}\n${BELL}\n	return true;`,
      ...{ seenIn: "memory", operation: "request", figure: "server doorbells" },
    },
    {
      name: "3 % more instructions",
      file: "native/worker.c",
      line: "	worker->counters->turns++;",
      becomes:
        "	worker->counters->turns++;\n" +
        `	__asm__ volatile(".rept ${instructionsOf(0.03, memory)}\\n nop\\n .endr");`,
      ...{ seenIn: "memory", operation: "request", figure: "server instructions" },
    },
  ];
}

const HEADERS = "#include <string.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n";

/** All that `make -C native counts` reads; what is built already comes along. */
export class TreeCopy implements Disposable {
  constructor(
    private readonly root: string,
    readonly path: string,
  ) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(join(path, "build"), { recursive: true });
    for (const part of ["native", "bpf", "bench/counts", "test/native", "build/obj"]) {
      const filter = (from: string) => !from.includes("/native/quiche/patched");
      cpSync(join(root, part), join(path, part), {
        ...{ recursive: true, preserveTimestamps: true, filter },
      });
    }
    for (const part of ["build/lib/libquicd_quiche.a", "build/lib/counts"]) {
      cpSync(join(root, part), join(path, part), { recursive: true, preserveTimestamps: true });
    }
    symlinkSync(join(root, "node_modules"), join(path, "node_modules"));
  }

  /** @throws Error when the file no longer has that line exactly once */
  inject({ name, file, line, becomes }: Injection): void {
    const text = readFileSync(join(this.root, file), "utf8");
    if (text.split(`${line}\n`).length !== 2) {
      throw new Error(
        `${name}: ${file} has not exactly one "${line.trim()}". Remedy: mend ${import.meta.file}`,
      );
    }
    writeFileSync(join(this.path, file), HEADERS + text.replace(line, () => becomes));
  }

  /** Back to what the tree has. */
  restore({ file }: Injection): void {
    writeFileSync(join(this.path, file), readFileSync(join(this.root, file)));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
