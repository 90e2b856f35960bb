import { createReadStream } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { codeOf } from "@tsukube/foundation";
import type { Exchange } from "@tsukube/host";

/** Where a machine keeps the logs of its own programs. */
const SYSTEM_LOGS = "/var/log";

/**
 * The kubelet's `/logs/`: a file of the node's log folder, or what is in a folder of it. What a link there leads to outside is not shown:
 * pods may have that folder mounted.
 * @param names Of the path below `/logs/`, decoded; the last is "" where the path ends with a slash.
 */
export async function sendSystemLog(exchange: Exchange, names: readonly string[], folder = SYSTEM_LOGS): Promise<void> {
  if (exchange.method !== "GET" && exchange.method !== "HEAD")
    return text(exchange, 405, `Cannot ${exchange.method} a log: expected GET`);
  const wanted = join(folder, ...names);
  const path = await within(await realpath(folder), wanted);
  if (path === undefined) return text(exchange, 404, `Cannot find "${wanted}": expected a file or folder in ${folder}`);
  const found = await stat(path);
  if (found.isDirectory()) {
    // as links are meant that are relative
    if (names.at(-1) !== "") return exchange.send(301, { location: `${names.at(-1) ?? "logs"}/` }, new Uint8Array(0));
    return text(exchange, 200, await listing(path), "text/html; charset=utf-8");
  }
  if (!found.isFile()) return text(exchange, 404, `Cannot show "${wanted}": it is no file`);
  const sink = exchange.begin(200, { "content-type": "text/plain; charset=utf-8", "content-length": `${found.size}` });
  let left = exchange.method === "HEAD" ? 0 : found.size; // what is added meanwhile is not told
  if (left > 0)
    for await (const piece of createReadStream(path, { end: left - 1, signal: exchange.signal })) {
      left -= (piece as Buffer).length;
      if (!sink.write(piece as Buffer)) await sink.drained();
    }
  if (left === 0) sink.end();
  else sink.destroy();
}

async function within(folder: string, wanted: string): Promise<string | undefined> {
  try {
    const path = await realpath(wanted);
    return path === folder || path.startsWith(`${folder}${sep}`) ? path : undefined;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"].includes(codeOf(error) ?? ""))
      return undefined;
    throw error;
  }
}

async function listing(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  return `<pre>\n${names.map((name) => `<a href="${encodeURI(`./${name}`)}">${escaped(name)}</a>\n`).join("")}</pre>\n`;
}

function escaped(name: string): string {
  return name.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function text(exchange: Exchange, code: number, body: string, contentType = "text/plain; charset=utf-8"): void {
  exchange.send(code, { "content-type": contentType }, Buffer.from(body));
}
