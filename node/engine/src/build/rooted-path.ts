import { lstatSync, readlinkSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";

const MAX_LINKS = 255;

/**
 * The place of `path` below `root` as a process sees it whose root that is: links are followed, absolute ones and ".." from `root`.
 * Parts that do not exist stay as they are written. For folders that nobody else changes meanwhile.
 * @param last Whether a link at the end is followed, too.
 */
export function rootedPath(root: string, path: string, last = true): string {
  const waiting = path.split("/");
  const found: string[] = [];
  let links = 0;
  while (waiting.length > 0) {
    const part = waiting.shift() as string;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      found.pop();
      continue;
    }
    const target = last || waiting.some((rest) => rest !== "") ? linkAt([root, ...found, part].join("/")) : undefined;
    if (target === undefined) {
      found.push(part);
      continue;
    }
    if (++links > MAX_LINKS)
      throw new TsukubeError("invalid", `Cannot follow "${path}": more than ${MAX_LINKS} links, expected no loop`);
    if (target.startsWith("/")) found.splice(0);
    waiting.unshift(...target.split("/"));
  }
  return [root, ...found].join("/");
}

function linkAt(path: string): string | undefined {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status?.isSymbolicLink() === true ? readlinkSync(path) : undefined;
}
