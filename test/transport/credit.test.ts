/** Credit across the wrap of its 32-bit counts. */
import { expect, test } from "bun:test";
import { addWritten, creditLeft } from "../../src/transport/credit.ts";

const MAX = 0xffffffff;

test.each([
  { limit: 0, written: 0, left: 0 },
  { limit: 100, written: 40, left: 60 },
  { limit: MAX, written: MAX, left: 0 },
  { limit: 0, written: MAX, left: 1 },
  { limit: 15, written: MAX - 15, left: 31 },
  { limit: (1 << 21) - 1, written: MAX, left: 1 << 21 },
])("limit $limit, written $written: $left left", ({ limit, written, left }) => {
  expect(creditLeft(limit, written)).toBe(left);
});

test("writing all that is left uses it up, from any place", () => {
  for (const written of [0, 1, MAX - 5, MAX - 1, MAX]) {
    for (const grant of [1, 5, 16384]) {
      const limit = addWritten(written, grant);
      expect(creditLeft(limit, written)).toBe(grant);
      expect(creditLeft(limit, addWritten(written, grant))).toBe(0);
    }
  }
});
