/** What a simulated network does to datagrams, as its user describes it. */

/** Rates are 0 to 1, of datagrams; what is left out does not happen. */
export interface NetworkConditions {
  /** One way. Default 10. */
  delayMs?: number;
  /** Added, 0 up to this: later datagrams may overtake. */
  jitterMs?: number;
  loss?: number;
  duplicate?: number;
  /** One bit is turned. */
  corrupt?: number;
  /** Held back by `reorderMs`, default 20. */
  reorder?: number;
  reorderMs?: number;
  /** Default: no limit. */
  bytesPerSecond?: number;
  /** Before that limit; beyond it datagrams are lost. Default 64 KiB. */
  queueBytes?: number;
  /** Larger UDP payloads are lost. */
  mtu?: number;
  /** Nothing arrives. */
  blackout?: boolean;
}

/** For both directions, or each by itself. */
export type Network =
  | NetworkConditions
  | { toServer: NetworkConditions; toClient: NetworkConditions };

const RATES = ["loss", "duplicate", "corrupt", "reorder"] as const;
const SIZES = [
  ...["delayMs", "jitterMs", "reorderMs", "bytesPerSecond", "queueBytes", "mtu"],
] as (keyof NetworkConditions)[];
const QUEUE_BYTES = 64 * 1024;

export function bothDirections(network: Network): {
  toServer: NetworkConditions;
  toClient: NetworkConditions;
} {
  if ("toServer" in network) return network;
  return { toServer: network, toClient: network };
}

/** In the order of native/sim/control.h. @throws TypeError that names what is out of range. */
export function weatherNumbers(conditions: NetworkConditions): Float64Array {
  for (const name of RATES) check(name, conditions[name] ?? 0, 1);
  for (const name of SIZES) check(name, Number(conditions[name] ?? 0), 2 ** 32 - 1);
  const { delayMs = 10, jitterMs = 0, loss = 0, duplicate = 0, corrupt = 0 } = conditions;
  const { reorder = 0, reorderMs = 20, bytesPerSecond = 0, mtu = 0 } = conditions;
  const { queueBytes = QUEUE_BYTES, blackout = false } = conditions;
  return new Float64Array([
    ...[delayMs, jitterMs, loss, duplicate, corrupt, reorder, reorderMs],
    ...[bytesPerSecond, queueBytes, mtu, blackout ? 1 : 0],
  ]);
}

function check(name: string, value: number, most: number): void {
  if (value >= 0 && value <= most) return;
  throw new TypeError(`network.${name} is ${value}; it may be 0 to ${most}`);
}
