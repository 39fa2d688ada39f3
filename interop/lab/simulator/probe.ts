/**
 * Waits for a QUIC server as the runner's simulator does: it sends a long header of an unknown
 * version until a Version Negotiation packet comes back (RFC 9000 §6.1).
 */

/** A version that nobody speaks; connection IDs of length 0. */
const TRIGGER = [0xc0, 0x57, 0x41, 0x49, 0x54, 0x00, 0x00];
const PADDING_BYTES = 1200;
/** The runner's own asks every 500 ms; asking more often costs the server nothing. */
const EVERY_MS = 100;

/** The answer's bytes, or null after `limitMs` without one. `stopped` ends the waiting. */
export async function probeVersionNegotiation(
  host: string,
  port: number,
  limitMs: number,
  stopped: () => boolean,
): Promise<Uint8Array | null> {
  const probe = new Uint8Array(TRIGGER.length + PADDING_BYTES);
  probe.set(TRIGGER);
  let answer: Uint8Array | null = null;
  const socket = await Bun.udpSocket({
    socket: {
      data: (_socket, bytes) => {
        if (isAnswer(bytes)) answer = new Uint8Array(bytes);
      },
      // "Connection refused": it does not listen yet.
      error: () => undefined,
    },
  });
  const untilMs = performance.now() + limitMs;
  while (answer === null && performance.now() < untilMs && !stopped()) {
    socket.send(probe, port, host);
    for (let waitedMs = 0; answer === null && waitedMs < EVERY_MS; waitedMs += 5) {
      await Bun.sleep(5);
    }
  }
  socket.close();
  return answer;
}

function isAnswer(bytes: Uint8Array): boolean {
  const version = bytes.subarray(1, 5);
  return bytes.length >= 7 && ((bytes[0] ?? 0) & 0x80) !== 0 && version.every((byte) => byte === 0);
}
