/** A Bun with nothing but timers and garbage; at a line of its input it says how late they were. */
import { TimerLateness } from "../../support/timer_lateness.ts";

const lateness = new TimerLateness();
for await (const _ of console) break;
console.log(JSON.stringify(lateness.read()));
process.exit(0);
