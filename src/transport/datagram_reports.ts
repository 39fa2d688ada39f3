/** Datagrams whose fate somebody wants to know, by request id. */
import {
  OK,
  REFUSED_DROPPED,
  REFUSED_FULL,
  REFUSED_TOO_LARGE,
  REFUSED_UNSUPPORTED,
} from "../native/abi.gen.ts";
import type { DatagramOutcome, RequestId } from "./app.ts";

type Report = (id: RequestId, outcome: DatagramOutcome) => void;

export class DatagramReports {
  readonly #waiting = new Map<RequestId, Report>();

  add(id: RequestId, report: Report): void {
    this.#waiting.set(id, report);
  }

  /** DATAGRAM_OUTCOME; `refusal` is an enum quicd_refusal. Unknown ids are ignored. */
  tell(id: RequestId, refusal: number): void {
    const report = this.#waiting.get(id);
    this.#waiting.delete(id);
    report?.(id, outcomeOf(refusal));
  }

  /** The connection has ended. */
  closeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [id, report] of waiting) report(id, "closed");
  }
}

function outcomeOf(refusal: number): DatagramOutcome {
  switch (refusal) {
    case OK:
      return "sent";
    case REFUSED_DROPPED:
    case REFUSED_FULL:
      return "dropped";
    case REFUSED_TOO_LARGE:
      return "too-large";
    case REFUSED_UNSUPPORTED:
      return "unsupported";
    default:
      return "closed";
  }
}
