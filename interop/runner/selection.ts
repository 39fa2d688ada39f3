/** From names and commands to who plays what against whom. */
import { accessSync, constants } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { nearestName } from "../../src/cli/nearest.ts";
import { UserError } from "../../src/config/user_error.ts";
import type { Case, Role } from "../cases/case.ts";
import type { Endpoint } from "../peers/endpoint.ts";
import { type InteropArguments, isCommand } from "./arguments.ts";
import type { Participant } from "./participant.ts";

/** A container sees it, wherever it is. */
const REPOSITORY = `${resolve(import.meta.dir, "../..")}/`;

/** The name that --peer puts on the other side. */
const OURS = "quicd";

export interface Match {
  server: Participant;
  client: Participant;
}

export interface Selection {
  cases: Case[];
  matches: Match[];
  /** Who could not take part though nobody was named: a sentence for each. */
  leftOut: string[];
  /** Whether all of them are listed: commands have no expected results. */
  listed: boolean;
}

type Wanted = Pick<
  InteropArguments,
  "suite" | "cases" | "servers" | "clients" | "peers" | "serverParams" | "clientParams"
>;

/** @throws {UserError} naming what there is */
export function select(
  wanted: Wanted,
  endpoints: readonly Endpoint[],
  cases: readonly Case[],
): Selection {
  const leftOut: string[] = [];
  const ofSuite = endpoints.filter((one) => one.suites.includes(wanted.suite));
  const taken = new Map<string, Endpoint>();

  const find = (text: string, role: Role): Participant => {
    const endpoint = isCommand(text)
      ? commandEndpoint(text, wanted.suite, taken)
      : namedEndpoint(text, role, ofSuite, wanted.suite);
    const params = role === "server" ? wanted.serverParams : wanted.clientParams;
    const told = isCommand(text) || endpoint.name === OURS;
    return { endpoint, params: told ? params : "" };
  };
  const all = (role: Role): Participant[] =>
    ofSuite
      .filter((one) => one.roles.includes(role))
      .flatMap((one) => {
        const why = one.missing();
        if (why !== null && !leftOut.includes(why)) leftOut.push(why);
        return why === null ? [find(one.name, role)] : [];
      });
  const side = (names: readonly string[], role: Role) =>
    names.length === 0 ? all(role) : names.map((name) => find(name, role));

  const matches =
    wanted.peers.length > 0
      ? wanted.peers.flatMap((peer) => bothRoles(peer, ofSuite, find))
      : side(wanted.servers, "server").flatMap((server) =>
          side(wanted.clients, "client").map((client) => ({ server, client })),
        );
  if (matches.length === 0) {
    throw new UserError(`nobody can take part here:\n  ${leftOut.join("\n  ")}`, 2);
  }
  const listed = ![...wanted.servers, ...wanted.clients].some(isCommand);
  return { cases: namedCases(wanted, cases), matches, leftOut, listed };
}

function bothRoles(
  peer: string,
  endpoints: readonly Endpoint[],
  find: (name: string, role: Role) => Participant,
): Match[] {
  const roles = endpoints.find((one) => one.name === peer)?.roles ?? ["client", "server"];
  const asServer = roles.includes("server")
    ? [{ server: find(peer, "server"), client: find(OURS, "client") }]
    : [];
  const asClient =
    roles.includes("client") && peer !== OURS
      ? [{ server: find(OURS, "server"), client: find(peer, "client") }]
      : [];
  return [...asServer, ...asClient];
}

function namedEndpoint(
  name: string,
  role: Role,
  endpoints: readonly Endpoint[],
  suite: string,
): Endpoint {
  const found = endpoints.find((one) => one.name === name);
  if (found === undefined) {
    const names = endpoints.map((one) => one.name);
    const nearest = nearestName(name, names);
    const guess = nearest === null ? "" : `did you mean ${nearest}? `;
    const rest = "or a command: its path, or a text with a space in it";
    const there = `for ${suite} there are ${names.join(", ")}; ${rest}`;
    throw new UserError(`--${role}: there is no endpoint ${name}\n  ${guess}${there}`, 2);
  }
  if (!found.roles.includes(role)) {
    throw new UserError(`--${role}: ${name} is a ${found.roles.join(" and ")} only`, 2);
  }
  const why = found.missing();
  if (why !== null) throw new UserError(`--${role}: ${why}`, 2);
  return found;
}

/** Anybody's endpoint. `taken`: those of this call, so that two have two names. */
function commandEndpoint(
  text: string,
  suite: InteropArguments["suite"],
  taken: Map<string, Endpoint>,
): Endpoint {
  const known = taken.get(text);
  if (known !== undefined) return known;
  const isPath = !/\s/.test(text);
  if (isPath) checkRunnable(text);
  const name = nameOf(text);
  const names = [...taken.values()].map((one) => one.name);
  const endpoint: Endpoint = {
    name: names.includes(name) ? `${name}_${names.length + 1}` : name,
    description: text,
    roles: ["client", "server"],
    command: isPath ? [resolve(text)] : ["/bin/sh", "-c", text],
    suites: [suite],
    missing: () => null,
  };
  taken.set(text, endpoint);
  return endpoint;
}

function checkRunnable(path: string): void {
  const whole = resolve(path);
  if (whole.startsWith("/tmp/") && !whole.startsWith(REPOSITORY)) {
    throw new UserError(`${path} is in /tmp, which a container has for itself: move it`, 2);
  }
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw new UserError(`${path} is no program: name a file that can be executed`, 2);
  }
}

/** run_endpoint.sh says little: then its folder's name. */
function nameOf(command: string): string {
  const path = command.split(/\s+/).find((word) => word.includes("/")) ?? command;
  const file = basename(path).replace(/\.\w+$/, "");
  const name = file === "run_endpoint" ? basename(dirname(resolve(path))) : file;
  return name.replaceAll(/[^\w.-]+/g, "_") || "command";
}

function namedCases({ suite, cases }: Wanted, known: readonly Case[]): Case[] {
  const ofSuite = known.filter((one) => one.suite === suite);
  if (cases.length === 0) return ofSuite;
  const wanted = cases.map((text) => {
    const found = ofSuite.find((one) => one.name === text || one.abbreviation === text);
    if (found !== undefined) return found;
    const names = ofSuite.map((one) => one.name);
    const nearest = nearestName(text, names);
    const guess = nearest === null ? "" : `did you mean ${nearest}? `;
    const list = ofSuite.map((one) => `${one.name} (${one.abbreviation})`).join(", ");
    throw new UserError(`--case: ${suite} has no case ${text}\n  ${guess}there are ${list}`, 2);
  });
  return ofSuite.filter((one) => wanted.includes(one));
}
