/**
 * Headers in any of the forms that handlers give, as one flat list: lower-case name, value, name,
 * value, ...
 */

export type HeadersInput =
  | Headers
  | Iterable<readonly string[]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Nothing is checked here: what can't be sent is refused when it is encoded (response_head.ts). */
export function flattenHeaders(headers: unknown): string[] {
  const fields: string[] = [];
  if (typeof headers !== "object" || headers === null) {
    throw new TypeError("headers: an object, a list of pairs or Headers");
  }
  if (Symbol.iterator in headers) {
    // Headers gives each Set-Cookie for itself (Fetch §5.1).
    for (const [name, value] of headers as Iterable<readonly string[]>) {
      fields.push(String(name).toLowerCase(), String(value).trim());
    }
    return fields;
  }
  const record = headers as Record<string, unknown>;
  for (const name in record) {
    const value = record[name];
    if (typeof value === "string") fields.push(name.toLowerCase(), value);
    else if (Array.isArray(value))
      for (const one of value) fields.push(name.toLowerCase(), `${one}`);
    else if (value !== undefined) fields.push(name.toLowerCase(), String(value));
  }
  return fields;
}

/** True if the list has a field with this lower-case name. */
export function hasField(fields: readonly string[], name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return true;
  return false;
}
