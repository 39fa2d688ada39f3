/** The kernel's own count of runs of eBPF programs and of the time in them: off, as it costs. */
import { readFileSync, writeFileSync } from "node:fs";

const SWITCH = "/proc/sys/kernel/bpf_stats_enabled";

export class KernelStatistics implements Disposable {
  readonly #before: string;
  readonly #onSignal = () => {
    this[Symbol.dispose]();
    process.exit(130);
  };

  /**
   * On, for the whole machine, until it is disposed of or the process is interrupted.
   *
   * @throws Error with the remedy when this process may not
   */
  constructor() {
    try {
      this.#before = readFileSync(SWITCH, "latin1").trim();
      writeFileSync(SWITCH, "1");
    } catch (error) {
      throw new Error(`${SWITCH} cannot be switched on, run this bench as root: ${error}`);
    }
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, this.#onSignal);
  }

  [Symbol.dispose](): void {
    writeFileSync(SWITCH, this.#before);
    for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, this.#onSignal);
  }
}
