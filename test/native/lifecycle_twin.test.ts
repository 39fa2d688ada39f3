/**
 * The same machine twice: what the table of native/lifecycle.c does, src/transport/lifecycle.ts
 * does too. FREE is the slot's and not the connection's, and what leaves a state as it is tells an
 * app thread nothing.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NEXT } from "../../src/transport/lifecycle.ts";
import { ROOT } from "../support/peer.ts";

type Row = Record<string, string>;

/** By state and input: the next state. */
function readTable(source: string): Map<string, Row> {
  const table = new Map<string, Row>();
  let row: Row = {};
  for (const line of source.split("\n")) {
    const state = /\[QUICD_STATE_(\w+)\] =/.exec(line)?.[1];
    if (state !== undefined && state !== "COUNT") {
      row = {};
      table.set(state, row);
    }
    for (const [, input, next] of line.matchAll(/\[QUICD_INPUT_(\w+)\] = GO\((\w+),/g)) {
      row[input!.toLowerCase()] = next!;
    }
  }
  return table;
}

test("both languages have the same table", () => {
  const table = readTable(readFileSync(join(ROOT, "native/lifecycle.c"), "utf8"));
  const states = Object.keys(NEXT) as (keyof typeof NEXT)[];
  expect([...table.keys()].sort()).toEqual(["FREE", ...states.map(upper)].sort());
  expect(table.get("FREE")).toEqual({ accept: "INITIAL" });
  expect(table.get("CLOSED")).toMatchObject({ free: "FREE" });
  for (const state of states) {
    const told = Object.entries(table.get(upper(state))!).filter(
      ([input, next]) => next !== upper(state) && input !== "free",
    );
    const twin = Object.entries(NEXT[state]).map(([input, next]) => [input, upper(next)]);
    expect([state, Object.fromEntries(told)]).toEqual([state, Object.fromEntries(twin)]);
  }
});

function upper(name: string): string {
  return name.toUpperCase();
}
