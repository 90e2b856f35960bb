import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Installs what component and end-to-end tests need: kubectl, and as root the Debian packages, as `tsukube up` would. Without
 * root those tests say that they are skipped.
 */
export async function prepareMachine(root: string): Promise<void> {
  const clients = (await import(
    pathToFileURL(join(root, "e2e/src/clients.ts")).href
  )) as typeof import("../../e2e/src/clients.ts");
  process.env["TSUKUBE_KUBECTL"] ??= clients.clientBinary("kubectl");
  if (process.getuid?.() !== 0 || !isDebian()) return;
  const packages = (await import(
    pathToFileURL(join(root, "cli/src/host-packages.ts")).href
  )) as typeof import("../../cli/src/host-packages.ts");
  const missing = packages.missingPrograms([...packages.NODE_PROGRAMS, ...packages.TEST_PROGRAMS]);
  if (missing.length === 0) return;
  await packages.installPackages(missing, (detail) => process.stdout.write(`${detail}\n`));
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}
