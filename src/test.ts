/** `quicd/test`: protocols tested over a simulated network, repeated by their seed. */

export type { Fates } from "./native/simulation.ts";
export type { Network, NetworkConditions } from "./simulate/network.ts";
export {
  type SimulatedServer,
  type SimulatedWorld,
  type SimulateOptions,
  SimulationError,
  type SimulationResult,
  simulate,
} from "./simulate/simulate.ts";
