/** The command line of the interop runner: what it means, and what is wrong with it. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { QUIC_CASES } from "../../interop/cases/quic_cases.ts";
import type { Endpoint } from "../../interop/peers/endpoint.ts";
import { type InteropArguments, parseInteropArguments } from "../../interop/runner/arguments.ts";
import { select } from "../../interop/runner/selection.ts";
import { UserError } from "../../src/config/user_error.ts";

function endpoint(name: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    name,
    description: name,
    roles: ["client", "server"],
    command: [`/${name}`],
    suites: ["quic"],
    missing: () => null,
    ...more,
  };
}

const ENDPOINTS = [
  endpoint("quicd"),
  endpoint("server_only", { roles: ["server"] }),
  endpoint("absent", { missing: () => "absent is not installed. Remedy: install it" }),
  endpoint("web", { suites: ["webtransport"] }),
];

const parse = (...args: string[]): InteropArguments => parseInteropArguments(args)!;
const selected = (...args: string[]) => select(parse(...args), ENDPOINTS, QUIC_CASES);
const pairs = (...args: string[]) =>
  selected(...args).matches.map(({ server, client }) => [
    server.endpoint.name,
    client.endpoint.name,
  ]);
const faultOf = (...args: string[]): string => {
  try {
    selected(...args);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return "";
};

test("without flags: everybody who can, every case, once", () => {
  expect(parse()).toMatchObject({ suite: "quic", runs: 1, lanes: 2, seed: 1, confined: true });
  expect(pairs()).toEqual([
    ["quicd", "quicd"],
    ["server_only", "quicd"],
  ]);
  expect(selected().cases).toEqual([...QUIC_CASES]);
  expect(selected().leftOut).toEqual(["absent is not installed. Remedy: install it"]);
});

test("help is no call", () => {
  expect(parseInteropArguments(["--help"])).toBeNull();
});

test("cases by name and by abbreviation, in the order of the table", () => {
  const { cases } = selected("--case", "L1,transfer", "--case", "H");
  expect(cases.map((one) => one.name)).toEqual(["handshake", "transfer", "handshakeloss"]);
});

test("a peer plays both roles against quicd; quicd itself one pair", () => {
  expect(pairs("--peer", "quicd")).toEqual([["quicd", "quicd"]]);
  expect(pairs("--peer", "server_only")).toEqual([["server_only", "quicd"]]);
});

describe("commands", () => {
  const path = join(import.meta.dir, "../../interop/peers/quic_go/run_endpoint.sh");

  test("a path, or a text with spaces; told apart by name", () => {
    const { matches, listed } = selected("--server", path, "--client", "env A=1,2 ./mine.sh");
    expect(matches).toHaveLength(1);
    const { server, client } = matches[0]!;
    expect(server.endpoint).toMatchObject({ name: "quic_go", command: [path] });
    expect(client.endpoint.command).toEqual(["/bin/sh", "-c", "env A=1,2 ./mine.sh"]);
    expect(client.endpoint.name).toBe("mine");
    expect(listed).toBe(false);
  });

  test("the same one twice is one, others have other names", () => {
    const one = "./a/run.sh x";
    const other = "./a/run.sh y";
    const { matches } = selected("--server", one, "--server", other, "--client", one);
    const names = matches.map(({ server, client }) => [server.endpoint.name, client.endpoint.name]);
    expect(names).toEqual([
      ["run", "run"],
      ["run_2", "run"],
    ]);
  });

  test("parameters are for quicd and for commands", () => {
    const flags = ["--params-server=-s", "--params-client=-c"];
    const [match] = selected("--server", "server_only", "--client", "quicd", ...flags).matches;
    expect([match!.server.params, match!.client.params]).toEqual(["", "-c"]);
    const [mine] = selected("--server", path, "--client", "quicd", ...flags).matches;
    expect(mine!.server.params).toBe("-s");
  });
});

test.each([
  [["--server", "quidc"], "--server: there is no endpoint quidc\n  did you mean quicd? for quic"],
  [["--client", "server_only"], "--client: server_only is a server only"],
  [["--server", "absent"], "--server: absent is not installed. Remedy: install it"],
  [["--server", "./no/such/file"], "./no/such/file is no program"],
  [["--case", "transfr"], "--case: quic has no case transfr\n  did you mean transfer? there are"],
  [["--runs", "0"], "--runs: 0 must be a number from 1 to 1000"],
  [["--lanes", "x"], "--lanes: x must be a number from 1 to 64"],
  [["--suite", "tcp"], "--suite: tcp must be quic or webtransport"],
  [["--corrupt", "x"], "--corrupt: x must be deliver or drop"],
  [["--peer", "quicd", "--server", "quicd"], "--peer says both sides"],
  [["--rnus", "1"], "interop has no flag --rnus\n  did you mean --runs?"],
  [["quicd"], "what is quicd?"],
])("%p is refused with a remedy", (args, said) => {
  expect(faultOf(...args)).toStartWith(said);
});
