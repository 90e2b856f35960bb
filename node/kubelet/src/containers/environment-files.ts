import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { FileKeySelector } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";

/**
 * A variable out of a file that an init container left in a volume (KEP-3721).
 * @param folder Of the volume on the host.
 * @throws {TsukubeError} `config` when file or key are missing and not optional, or the file is not of the form.
 */
export async function valueFromFile(
  { volumeName, path, key, optional }: FileKeySelector,
  folder: string | undefined,
): Promise<string | undefined> {
  if (folder === undefined) throw new TsukubeError("config", `cannot find the volume "${volumeName}"`);
  const file = join(folder, path);
  if (relative(folder, file).startsWith("..")) throw new TsukubeError("config", `path "${path}" leaves the volume`);
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined && optional !== true)
    throw new TsukubeError("config", `couldn't parse env file: "${path}" in volume "${volumeName}" cannot be read`);
  const value = parseEnvFile(text ?? "").get(key);
  if (value === undefined && optional !== true)
    throw new TsukubeError("config", `environment variable key "${key}" not found in file "${path}"`);
  return value;
}

/**
 * Pure: lines NAME='value' with the value in single quotes, which may span lines; blank lines and lines that begin with # are
 * passed over. @throws {TsukubeError} `config` with the number of the line that is of another form.
 */
export function parseEnvFile(text: string): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const begin = /^([^\s=']+)='(.*)$/.exec(line);
    if (begin === null)
      throw new TsukubeError("config", `line ${at + 1} of the env file is not of the form NAME='value'`);
    const first = at;
    let value = begin[2] ?? "";
    while (!value.includes("'")) {
      at += 1;
      const next = lines[at];
      if (next === undefined)
        throw new TsukubeError("config", `the quote of line ${first + 1} of the env file never ends`);
      value += `\n${next}`;
    }
    const end = value.indexOf("'");
    const rest = value.slice(end + 1).trim();
    if (rest !== "" && !rest.startsWith("#"))
      throw new TsukubeError("config", `line ${at + 1} of the env file goes on after its value`);
    out.set(begin[1] ?? "", value.slice(0, end));
  }
  return out;
}
