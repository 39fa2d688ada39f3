/** What a run and its app threads say to each other. */
import type { LoadPlan } from "./plan.ts";
import type { ShareResult } from "./share.ts";
import type { ShareProgress } from "./share_host.ts";

export type ToShare =
  | { type: "start"; plan: LoadPlan }
  | { type: "run" }
  | { type: "stop" }
  | { type: "close" };

export type FromShare =
  | { type: "ready" }
  | { type: "progress"; progress: ShareProgress }
  | { type: "result"; result: ShareResult }
  | { type: "failed"; text: string; untrusted: boolean }
  | { type: "closed" };
