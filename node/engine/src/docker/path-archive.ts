import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { startProgram } from "@tsukube/kernel";

/**
 * A file or folder as a tar archive, in which it is called `name`; "." is a folder's content. tar(1) reads it, links stay links.
 * Its folder is opened before this returns: what becomes of the names on the way does not matter.
 * @param place Without links on the way.
 */
export function pathArchive(place: string, name: string): AsyncGenerator<Uint8Array> {
  const folder = openSync(name === "." ? place : dirname(place), constants.O_DIRECTORY | constants.O_RDONLY);
  return archive(folder, basename(place), name);
}

async function* archive(folder: number, original: string, name: string): AsyncGenerator<Uint8Array> {
  const isContent = name === ".";
  const what = isContent ? "." : original;
  // a name with special signs is one of a regular expression otherwise
  const rename =
    isContent || what === name ? [] : [`--transform=s,^${escaped(what)},${name.replace(/[\\&,]/g, "\\$&")},rSh`];
  const args = [
    "-c",
    "-f",
    "-",
    "--numeric-owner",
    "--format=pax",
    "--pax-option=delete=atime,delete=ctime",
    "--xattrs",
    "--xattrs-include=user.*",
    "--xattrs-include=security.capability",
    "--ignore-failed-read",
    "--warning=none",
    ...rename,
    "-C",
    `/proc/${process.pid}/fd/${folder}`,
    "--",
    what,
  ];

  const program = await startProgram("tar", args, { descriptors: ["null", "output", "output"] });
  try {
    const errors = text(program.outputs.get(2) as AsyncIterable<Uint8Array>);
    yield* program.outputs.get(1) as AsyncIterable<Uint8Array>;
    const said = await errors;
    const end = await program.ended();
    if ("signal" in end || end.code > 1) throw new TsukubeError("failed", `Cannot archive "${name}": ${said.trim()}`);
  } finally {
    closeSync(folder);
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*[\],]/g, "\\$&");
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}
