/**
 * Headers of a request, read where they were decoded to.
 *
 * Handlers mostly ask for one or two fields: a search through a short list beats building a real
 * Headers by far. The first change makes a real one, which answers from then on.
 */

const NativeHeaders = globalThis.Headers;

export class H3Headers {
  readonly #fields: readonly string[];
  #native: Headers | null = null;

  /** Lower-case name, value, ...: shared with other requests, so never changed here. */
  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  get #real(): Headers {
    if (this.#native === null) {
      this.#native = new NativeHeaders();
      const fields = this.#fields;
      for (let i = 0; i < fields.length; i += 2) this.#native.append(fields[i]!, fields[i + 1]!);
    }
    return this.#native;
  }

  get(name: string): string | null {
    if (this.#native !== null) return this.#native.get(name);
    const wanted = String(name).toLowerCase();
    const fields = this.#fields;
    let value: string | null = null;
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === wanted)
        value = value === null ? fields[i + 1]! : `${value}, ${fields[i + 1]}`;
    }
    return value;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  append(name: string, value: string): void {
    this.#real.append(name, value);
  }

  set(name: string, value: string): void {
    this.#real.set(name, value);
  }

  delete(name: string): void {
    this.#real.delete(name);
  }

  forEach(callback: (value: string, key: string, parent: Headers) => void, self?: unknown): void {
    for (const [name, value] of this.#real) {
      callback.call(self, value, name, this as unknown as Headers);
    }
  }

  entries() {
    return this.#real.entries();
  }

  keys() {
    return this.#real.keys();
  }

  values() {
    return this.#real.values();
  }

  getSetCookie(): string[] {
    return this.#real.getSetCookie();
  }

  getAll(name: "set-cookie"): string[] {
    return this.#real.getAll(name);
  }

  get count(): number {
    return this.#real.count;
  }

  toJSON() {
    return this.#real.toJSON();
  }

  [Symbol.iterator]() {
    return this.#real[Symbol.iterator]();
  }

  get [Symbol.toStringTag]() {
    return "Headers";
  }
}

Object.setPrototypeOf(H3Headers.prototype, NativeHeaders.prototype);
