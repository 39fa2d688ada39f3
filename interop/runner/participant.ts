/** Who takes part in a run: an endpoint, and what it is told beyond the contract. */
import type { Endpoint } from "../peers/endpoint.ts";

export interface Participant {
  endpoint: Endpoint;
  /** CLIENT_PARAMS or SERVER_PARAMS; "" for none. */
  params: string;
}
