import { cpSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Tsukube } from "./tsukube.ts";

const FILES = ["ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key"];

/** A control plane that is not started yet will show the same authority as another one, and sign tokens with the same key. As root. */
export function shareAuthority(from: Tsukube, to: Tsukube): void {
  const pki = (cluster: Tsukube): string => join("/var/lib/tsukube", cluster.name, "pki");
  for (const name of FILES) {
    mkdirSync(dirname(join(pki(to), name)), { recursive: true, mode: 0o700 });
    cpSync(join(pki(from), name), join(pki(to), name), { force: true, errorOnExist: false });
  }
}
