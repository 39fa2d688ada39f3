/**
 * The same machine twice: what the C table of native/connection.c lets follow,
 * src/transport/lifecycle.ts reaches by some input, and nothing else. FREE is the slot's, not the
 * connection's.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NEXT } from "../../src/transport/lifecycle.ts";
import { ROOT } from "../support/peer.ts";

/** Rows of NEXT_STATES, by name: "INITIAL" -> ["HANDSHAKING", ...]. */
function readTable(source: string): Map<string, string[]> {
  const body = /NEXT_STATES\[QUICD_STATE_COUNT\] = \{([^}]*)\}/.exec(source)?.[1] ?? "";
  const rows = body.matchAll(/\[QUICD_STATE_(\w+)\] =([^,]*),/g);
  const names = (text: string) =>
    [...text.matchAll(/1 << QUICD_STATE_(\w+)/g)].map((match) => match[1] ?? "");
  return new Map([...rows].map((row) => [row[1] ?? "", names(row[2] ?? "").sort()]));
}

test("both languages have the same table", () => {
  const table = readTable(readFileSync(join(ROOT, "native/connection.c"), "utf8"));
  const states = Object.keys(NEXT) as (keyof typeof NEXT)[];
  expect([...table.keys()].sort()).toEqual(["FREE", ...states.map(upper)].sort());
  expect(table.get("FREE")).toEqual(["INITIAL"]);
  for (const state of states) {
    const reached = state === "Closed" ? ["FREE"] : Object.values(NEXT[state]).map(upper);
    expect([state, table.get(upper(state))]).toEqual([state, reached.sort()]);
  }
});

function upper(name: string): string {
  return name.toUpperCase();
}
