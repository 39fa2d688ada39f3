// bun interop/endpoint/supports.ts ROLE TESTCASE: exit code 0, or 127 for what is not supported.
import { planOf } from "../testcases.ts";

const [role = "", testcase = ""] = process.argv.slice(2);
const known = (role === "client" || role === "server") && planOf(role, testcase) !== null;
if (!known) console.error(`unsupported: ROLE="${role}" TESTCASE="${testcase}"`);
process.exit(known ? 0 : 127);
