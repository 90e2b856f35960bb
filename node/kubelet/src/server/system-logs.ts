import { closeSync, fstatSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { codeOf } from "@tsukube/foundation";
import type { Exchange } from "@tsukube/host";
import { openWithin } from "@tsukube/kernel";

/** Where a machine keeps the logs of its own programs. */
const SYSTEM_LOGS = "/var/log";
const PIECE_BYTES = 64 * 1024;

/**
 * The kubelet's `/logs/`: a file of the node's log folder, or what is in a folder of it. What a link there leads to outside is not shown:
 * pods may have that folder mounted.
 * @param names Of the path below `/logs/`, decoded; the last is "" where the path ends with a slash.
 */
export async function sendSystemLog(exchange: Exchange, names: readonly string[], folder = SYSTEM_LOGS): Promise<void> {
  if (exchange.method !== "GET" && exchange.method !== "HEAD")
    return text(exchange, 405, `Cannot ${exchange.method} a log: expected GET`);
  const wanted = names.join("/");
  const place = placeOf(folder, wanted);
  if (place === undefined)
    return text(exchange, 404, `Cannot find "${wanted}": expected a file or folder in ${folder}`);
  try {
    const found = fstatSync(place);
    const path = `/proc/self/fd/${place}`; // whatever has the name by now
    if (found.isFile()) await sendFile(exchange, path, found.size);
    else if (!found.isDirectory()) text(exchange, 404, `Cannot show "${wanted}": it is no file`);
    else if (names.at(-1) === "") text(exchange, 200, await listing(path), "text/html; charset=utf-8");
    else exchange.send(301, { location: `./${encodeURIComponent(names.at(-1) ?? "logs")}/` }, new Uint8Array(0)); // links are relative
  } finally {
    closeSync(place);
  }
}

/** @returns a descriptor; undefined: there is no such place. */
function placeOf(folder: string, path: string): number | undefined {
  if (path.includes("\0")) return undefined;
  try {
    return openWithin(folder, path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** @param size What is added meanwhile is not told. */
async function sendFile(exchange: Exchange, path: string, size: number): Promise<void> {
  const file = await open(path);
  try {
    const headers = { "content-type": "text/plain; charset=utf-8", "content-length": String(size) };
    const sink = exchange.begin(200, headers);
    let left = exchange.method === "HEAD" ? 0 : size;
    try {
      while (left > 0 && !exchange.signal.aborted) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(Math.min(left, PIECE_BYTES)));
        if (bytesRead === 0) break;
        left -= bytesRead;
        if (!sink.write(buffer.subarray(0, bytesRead))) await sink.drained();
      }
    } finally {
      if (left === 0) sink.end();
      else sink.destroy();
    }
  } finally {
    await file.close();
  }
}

async function listing(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  return `<pre>\n${names.map((name) => `<a href="./${encodeURIComponent(name).replace("%2F", "/")}">${escaped(name)}</a>\n`).join("")}</pre>\n`;
}

function escaped(name: string): string {
  return name.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function text(exchange: Exchange, code: number, body: string, contentType = "text/plain; charset=utf-8"): void {
  exchange.send(code, { "content-type": contentType }, Buffer.from(body));
}
