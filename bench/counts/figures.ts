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

/** A part of it: one tier, "memory" or a backend, and one operation; null: all. */
export interface Only {
  tier: string | null;
  operation: string | null;
}

export const EVERYTHING: Only = { tier: null, operation: null };

function selectCounts(counts: Counts, { operation }: Only): Counts {
  const kept = Object.entries(counts).filter(([name]) => operation === null || name === operation);
  return Object.fromEntries(kept);
}

export function select(counted: Counted, only: Only): Counted {
  const wants = (tier: string) => only.tier === null || only.tier === tier;
  const wire = Object.entries(counted.wire)
    .filter(([backend]) => wants(backend))
    .map(([backend, counts]) => [backend, selectCounts(counts, only)]);
  return {
    toolchain: counted.toolchain,
    memory: wants("memory") ? selectCounts(counted.memory, only) : {},
    wire: Object.fromEntries(wire),
  };
}

/** What depends on what a compiler made of the code, and not on the code alone. */
export function isCompilers(name: string): boolean {
  return /instructions$|copies$|copied bytes$/.test(name);
}

/** To three digits: what is left out is less than any gate sees. */
export function perUnit(total: number, units: number): number {
  return Math.round((total / units) * 1000) / 1000;
}
