/** The command from outside: what it prints where, and its exit codes. No server is started. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { developmentCertificate } from "../../src/tls/development.ts";
import { runCli } from "./run_cli.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("--help names every command, flag and exit code, within 100 columns", async () => {
  const { exitCode, stdout, stderr } = await runCli(["--help"]);
  expect(exitCode).toBe(0);
  expect(stderr).toBe("");
  const words = [
    "quicd serve",
    "quicd check",
    "quicd doctor",
    "--config",
    "--port",
    "--host",
    "--workers",
  ];
  const more = ["--routing", "--backend", "--alpn", "--cert", "--key", "--quiet", "130"];
  for (const word of [...words, ...more]) expect(stdout).toContain(word);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  expect((await runCli(["serve", "-h"])).stdout).toBe(stdout);
});

test("--version is the package's", async () => {
  const { version } = await Bun.file(resolve(import.meta.dir, "../../package.json")).json();
  expect(await runCli(["--version"])).toEqual({
    exitCode: 0,
    stdout: `quicd ${version}\n`,
    stderr: "",
  });
});

describe("wrong usage is told on stderr, without a stack, and ends with 2", () => {
  test.each<[args: string[], text: string]>([
    [[], "what should be done?"],
    [["srve"], "did you mean serve?"],
    [["./public"], "did you mean: quicd serve ./public"],
    [["frobnicate"], 'there is no command "frobnicate"'],
    [["serve", "--prot", "1"], "did you mean --port?"],
    [["serve", "--frobnicate"], "quicd --help names them all"],
    [["serve", "-x"], "there is no flag -x"],
    [["serve", "--port"], "--port needs a value"],
    [["serve", "--port", "--host"], "--port needs a value"],
    [["serve", "--quiet=1"], "--quiet takes no value"],
    [["serve", "a", "b"], "one app or directory at a time"],
    [["serve", "--port", "http"], "--port: netio.port = "],
    [["serve", "--cert", "c.pem"], "--cert: tls.cert without tls.key"],
    [["check"], "which file?"],
    [["check", "absent.toml"], "cannot read the configuration: ENOENT"],
    [["--config", "absent.toml"], "cannot read the configuration: ENOENT"],
  ])("%j", async (args, text) => {
    const { exitCode, stdout, stderr } = await runCli(args);
    expect(stderr).toStartWith("error: ");
    expect(stderr).toContain(text);
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });
});

describe("check", () => {
  test("the shipped configuration is ok", async () => {
    const shipped = resolve(import.meta.dir, "../../config.toml");
    expect(await runCli(["check", shipped])).toEqual({ exitCode: 0, stdout: "ok\n", stderr: "" });
  });

  test("the environment counts", async () => {
    const path = write("good.toml", "[netio]\nport = 1");
    const { exitCode, stderr } = await runCli(["check", path], { QUICD_NETIO_PORT: "x" });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("QUICD_NETIO_PORT");
  });

  test("names everything that is wrong", async () => {
    const path = write("bad.toml", "[netio]\nport = -1\nwokers = 2\n[quik]\n");
    const { exitCode, stdout, stderr } = await runCli(["check", path]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatchInlineSnapshot(`
      "error: bad.toml:2: netio.port = -1
        must be an integer from 0 to 65,535 (0: the kernel chooses)
      bad.toml:3: there is no option "netio.wokers"
        did you mean "netio.workers"?
      bad.toml:4: there is no section or option "quik"
        did you mean "[quic]"?
      "
    `);
  });

  test("reads the files that are named", async () => {
    const { certificatePem, privateKeyPem } = developmentCertificate({ folder });
    const other = developmentCertificate({ folder: join(folder, "other") });
    write("cert.pem", certificatePem);
    write("key.pem", privateKeyPem);
    write("other.pem", other.privateKeyPem);
    write("secret", "ab".repeat(32));
    const tls = (key: string) => `[tls]\ncert = "cert.pem"\nkey = "${key}"\n`;
    const good = `${tls("key.pem")}secret_file = "secret"\n[http]\nroot = "."`;
    expect((await runCli(["check", write("good.toml", good)])).stdout).toBe("ok\n");

    const bad = `${tls("other.pem")}secret_file = "cert.pem"\n[http]\nroot = "absent"`;
    const { exitCode, stderr } = await runCli(["check", write("bad.toml", bad)]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("is not the key of the certificate");
    expect(stderr).toContain("must be 32 random bytes");
    expect(stderr).toContain("http.root: there is no directory");
  });
});
