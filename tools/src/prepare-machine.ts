import { readFileSync } from "node:fs";
import { installPackages, missingPrograms, NODE_PROGRAMS, TEST_PROGRAMS } from "@tsukube/cli/host-packages";
import { clientBinary } from "@tsukube/e2e/clients";

/**
 * Installs what component and end-to-end tests need: kubectl, and as root the Debian packages, as `tsukube up` would. Without
 * root those tests say that they are skipped.
 */
export async function prepareMachine(): Promise<void> {
  process.env["TSUKUBE_KUBECTL"] ??= clientBinary("kubectl");
  if (process.getuid?.() !== 0 || !isDebian()) return;
  const missing = missingPrograms([...NODE_PROGRAMS, ...TEST_PROGRAMS]);
  if (missing.length === 0) return;
  await installPackages(missing, (detail) => process.stdout.write(`${detail}\n`));
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}
