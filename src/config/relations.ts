/** What must hold between options that are each right alone. */
import type { Layer } from "./layer.ts";
import type { Config } from "./schema.ts";
import type { Problem } from "./user_error.ts";

export function relationProblems(config: Config, originOf: Layer["originOf"]): Problem[] {
  const { quic, tls, telemetry, limits } = config;
  const problems: Problem[] = [];
  const report = (section: string, option: string, subject: string, remedy: string) => {
    problems.push({ origin: originOf(section, option), subject, remedy });
  };
  if ((tls.cert === "") !== (tls.key === "")) {
    const [given, missing] = tls.cert === "" ? ["key", "cert"] : ["cert", "key"];
    report("tls", given, `tls.${given} without tls.${missing}`, "give both, or neither");
  }
  if (quic.stream_window_bytes > quic.connection_window_bytes) {
    report(
      "quic",
      "stream_window_bytes",
      `quic.stream_window_bytes = ${quic.stream_window_bytes}`,
      `must be at most quic.connection_window_bytes (${quic.connection_window_bytes})`,
    );
  }
  if (telemetry.qlog_file_bytes > telemetry.qlog_directory_bytes) {
    report(
      "telemetry",
      "qlog_file_bytes",
      `telemetry.qlog_file_bytes = ${telemetry.qlog_file_bytes}`,
      `must be at most telemetry.qlog_directory_bytes (${telemetry.qlog_directory_bytes})`,
    );
  }
  /* One connection may fill an eighth of a ring, so that it cannot starve the others. */
  const eventsMax = limits.ring_capacity / 8;
  if (limits.connection_events > eventsMax) {
    report(
      "limits",
      "connection_events",
      `limits.connection_events = ${limits.connection_events}`,
      `must be at most an eighth of limits.ring_capacity (${eventsMax})`,
    );
  }
  return problems;
}
