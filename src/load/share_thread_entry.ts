/** The program of an app thread of a run: does what its host says. */
import { ConnectError } from "../client/error.ts";
import { type ShareHost, startHere } from "./share_host.ts";
import type { FromShare, ToShare } from "./share_protocol.ts";

declare const self: Worker;

const PROGRESS_MS = 250;

let share: ShareHost | null = null;

function say(message: FromShare): void {
  self.postMessage(message);
}

async function run(host: ShareHost): Promise<void> {
  const timer = setInterval(() => say({ type: "progress", progress: host.progress }), PROGRESS_MS);
  try {
    say({ type: "result", result: await host.run() });
  } finally {
    clearInterval(timer);
  }
}

async function obey(message: ToShare): Promise<void> {
  if (message.type === "start") {
    share = await startHere(message.plan);
    say({ type: "ready" });
  } else if (message.type === "run") {
    if (share !== null) await run(share);
  } else if (message.type === "stop") {
    share?.stop();
  } else {
    await share?.close();
    say({ type: "closed" });
  }
}

self.onmessage = ({ data }: MessageEvent<ToShare>) => {
  obey(data).catch((error: unknown) => {
    const untrusted = error instanceof ConnectError && error.reason === "certificate";
    const text = error instanceof Error ? error.message : String(error);
    say({ type: "failed", text, untrusted });
  });
};
