/**
 * What app threads are to serve, told by the main thread as environment data, which every Worker
 * copies when it starts. (A module's URL cannot tell: its query is dropped.)
 */
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { z } from "zod";

const KEY = "quicd.thread_subject";

const threadSubject = z.object({
  /** App module, absolute; "" for a folder. */
  app: z.string(),
  /** Absolute; "" for an app. */
  folder: z.string(),
  index: z.string(),
});

export type ThreadSubject = z.infer<typeof threadSubject>;

/** On the main thread, before the first app thread starts. */
export function announceThreadSubject(subject: ThreadSubject): void {
  setEnvironmentData(KEY, subject);
}

/** On an app thread. */
export function announcedThreadSubject(): ThreadSubject {
  return threadSubject.parse(getEnvironmentData(KEY));
}
