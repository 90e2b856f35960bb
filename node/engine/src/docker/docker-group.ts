import { readFileSync } from "node:fs";

/** The machine's group docker, whose members may use the engine without being root. @returns its number. */
export function dockerGroup(file = "/etc/group"): number | undefined {
  const line = readFileSync(file, "utf8").match(/^docker:[^:]*:(\d+):/m);
  return line === null ? undefined : Number(line[1]);
}
