/** What is counted, for one unit of an operation, and how far it may be above its baseline. */

/** By name, for one unit: "server instructions", "client allocations", ... */
export type Figures = Record<string, number>;

export interface OperationFigures {
  /** What the figures are for: "request", "MB". */
  unit: string;
  figures: Figures;
}

/** By operation. */
export type Counts = Record<string, OperationFigures>;

export interface Counted {
  /** The compilers and libraries that decide how many instructions there are. */
  toolchain: string[];
  /** Without sockets, see memory.c: the same in every run. */
  memory: Counts;
  /** Over real sockets, see wire.c, by backend: they vary within bounds. */
  wire: Record<string, Counts>;
}

/** What depends on what a compiler made of the code, and not on the code alone. */
export function isCompilers(name: string): boolean {
  return /instructions$|copies$|copied bytes$/.test(name);
}

/** To three digits: what is left out is less than any gate sees. */
export function perUnit(total: number, units: number): number {
  return Math.round((total / units) * 1000) / 1000;
}
