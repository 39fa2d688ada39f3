/**
 * The Date field of responses (RFC 9110 §6.6.1) and the second it stands for.
 *
 * The clock is read once a second, and only while responses are sent: the timer that ends a second
 * is armed by use, does not keep the process alive, and costs an idle server nothing.
 */

let text = "";
let second = 0;

/** Counts the seconds in which a response was sent: changes whenever {@link dateText} does. */
export function dateSecond(): number {
  if (text === "") refresh();
  return second;
}

/** IMF-fixdate (RFC 9110 §5.6.7). */
export function dateText(): string {
  if (text === "") refresh();
  return text;
}

function refresh(): void {
  const nowMs = Date.now();
  text = new Date(nowMs).toUTCString();
  second++;
  setTimeout(expire, 1000 - (nowMs % 1000)).unref();
}

function expire(): void {
  text = "";
}
