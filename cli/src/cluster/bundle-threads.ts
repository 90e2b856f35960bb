import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The program of the thread that reads a store's file, in a bundle; undefined when this runs from sources. */
export function readerIn(bundle: string): URL | undefined {
  return threadIn(bundle, "reader");
}

/** The program of a thread by its name in a bundle; undefined when this runs from sources. */
export function threadIn(bundle: string, name: "reader" | "passwords"): URL | undefined {
  const program = join(bundle, `${name}.js`);
  return existsSync(program) ? pathToFileURL(program) : undefined;
}
