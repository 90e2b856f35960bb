import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Installs the Debian packages that component and end-to-end tests need, as `tsukube up` would. Without root those tests say that they are skipped. */
export async function prepareMachine(root: string): Promise<void> {
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
