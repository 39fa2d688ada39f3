/** HTTP-date, RFC 9110 §5.6.7: written in one form, read in three. Whole seconds, always GMT. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun"].concat([
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
]);
const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = "(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)";

const FORMS: readonly RegExp[] = [
  /* IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT */
  new RegExp(`^${DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  /* RFC 850: Sunday, 06-Nov-94 08:49:37 GMT */
  new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  /* asctime: Sun Nov  6 08:49:37 1994 */
  new RegExp(`^${DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/** @param timeMs milliseconds since 1970; the fraction of a second is dropped */
export function formatHttpDate(timeMs: number): string {
  return new Date(Math.floor(timeMs / 1000) * 1000).toUTCString();
}

/** Seconds since 1970, or null for what is no HTTP-date (a recipient then ignores the field). */
export function parseHttpDate(text: string, nowMs: number): number | null {
  for (const form of FORMS) {
    const fields = form.exec(text)?.groups;
    if (fields !== undefined) return secondsOf(fields, nowMs);
  }
  return null;
}

function secondsOf(fields: Record<string, string | undefined>, nowMs: number): number | null {
  const { year = "", month = "", day, hour, minute, second } = fields;
  const fourDigits = year.length === 2 ? fullYear(Number(year), nowMs) : Number(year);
  const monthIndex = MONTHS.indexOf(month);
  /* 60 is a leap second, which the grammar allows. */
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  const time = new Date(0);
  time.setUTCFullYear(fourDigits, monthIndex, Number(day));
  if (time.getUTCMonth() !== monthIndex) return null;
  time.setUTCHours(Number(hour), Number(minute), Number(second));
  return time.getTime() / 1000;
}

/** A two-digit year more than 50 years ahead is the past one (RFC 9110 §5.6.7). */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = Math.floor(thisYear / 100) * 100 + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
