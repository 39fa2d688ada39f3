/** Every installed peer ends with 127 when it is given a TESTCASE that nobody knows. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labUnavailable, openLab } from "../../interop/lab/open_lab.ts";
import { ENDPOINTS } from "../../interop/peers/endpoints.ts";
import { CERTIFICATES, certificateFolder } from "../../interop/runner/certificates.ts";
import { complianceFault } from "../../interop/runner/compliance.ts";
import { skipReason } from "../support/peer.ts";

const LIMIT_MS = 120_000;
const without = labUnavailable();
const folder = mkdtempSync(join(tmpdir(), "quicd-peers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const endpoint of ENDPOINTS) {
  describe.skipIf(skipReason(without ?? endpoint.missing()))(endpoint.name, () => {
    test.each(endpoint.roles)(
      "ends with 127 as an unknown case's %s",
      async (role) => {
        const certificates = certificateFolder(CERTIFICATES, 1);
        const path = join(folder, `${endpoint.name}_${role}`);
        const lab = await openLab();
        try {
          const place = { path, certificates, seed: 1, confined: true };
          const fault = await complianceFault(lab, role, { endpoint, params: "" }, place);
          expect(fault).toBeNull();
        } finally {
          await lab.close();
        }
      },
      LIMIT_MS,
    );
  });
}
