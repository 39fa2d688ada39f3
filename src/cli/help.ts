/** What `quicd --help` prints. */
import { CONFIG_FLAGS } from "./flags.ts";
import { GET_FLAGS } from "./get_arguments.ts";
import { LOAD_FLAGS } from "./load_arguments.ts";
import { WHY_FLAGS } from "./why_arguments.ts";

const OTHER_FLAGS: readonly (readonly [flag: string, about: string])[] = [
  ["--config F", "TOML file; flags win over QUICD_* variables, and those over the file"],
  ["--quiet", "no line per request"],
];

const row = ([flag, about]: readonly [string, string]) => `  ${flag.padEnd(14)} ${about}`;

/** What `quicd load --help` prints. */
export function loadHelpText(): string {
  return `quicd load URL [flags]: loads an HTTP/3 or echo server, checks every answer, and counts

${LOAD_FLAGS.map(row).join("\n")}

examples:
  quicd load https://localhost:4433/ --insecure -d 5
  quicd load https://localhost:4433/ --insecure --rate 2000 --expect first
  quicd load https://localhost:4433/big --insecure --mode download -n 100 --json
  quicd load https://localhost:4433/ --insecure --mode handshakes --handshake resumed

The first Ctrl-C ends the run and prints what was done until then.

exit codes:
  0    every operation went well
  1    some failed, or no connection could be had; 3 if only for its certificate
  2    wrong flags
  130  ended at once, by a second Ctrl-C or before anything was counted
`;
}

export function helpText(): string {
  const flags = [
    ...CONFIG_FLAGS.map((flag) => [`--${flag.name} ${flag.value}`, flag.about] as const),
    ...OTHER_FLAGS,
  ];
  const lines = flags.map(row);
  return `quicd: a QUIC and HTTP/3 server and client for Bun

usage:
  quicd serve [app.ts | directory] [flags]   serve an app or a folder (default ./public)
  quicd --config F                           the same as quicd serve --config F
  quicd check F                              say whether a configuration is right
  quicd doctor [flags]                       say whether this machine is, and what would help
  quicd get URL [flags]                      fetch a URL over HTTP/3
  quicd load URL [flags]                     load a server and measure it (--help)
  quicd why [ID] [--json] [--control P]      say what live connections of a server wait for
  quicd interop [flags]                      run QUIC interop cases between endpoints (--help)
  quicd --help | --version

flags of serve and doctor:
${lines.join("\n")}

flags of get:
${GET_FLAGS.map(row).join("\n")}

flags of why:
${WHY_FLAGS.map(row).join("\n")}

Every option can be set as QUICD_<SECTION>_<OPTION>, e.g. QUICD_NETIO_WORKERS=4.
config.toml in the package names them all. Secrets come from files only.

exit codes:
  0    ended as asked
  1    could not run, e.g. the port is in use; doctor found a problem; get has no whole response;
       why finds no server or connection; load had errors
  2    wrong flags or configuration; an ID that several connections begin with
  3    get, load: the server's certificate is not trusted
  4    get: the response's status is 400 or more
  130  ended at once by a second Ctrl-C
`;
}
