import { createReadStream } from "node:fs";
import { lstat, mkdir } from "node:fs/promises";
import { codeOf } from "@tsukube/foundation";
import { decompressed } from "../images/decompressed.ts";
import { unpackLayer } from "../images/unpack.ts";
import { rootedPath } from "./rooted-path.ts";

const MAGIC = { at: 257, text: "ustar" };
const HEADER = 512;

/**
 * Unpacks a tar archive, plain or compressed by gzip, zstd, xz or bzip2, into a folder of the image; false for any other file, which ADD copies.
 * @throws {TsukubeError} `unsupported` where the program for xz or bzip2 is missing; `invalid-tar`.
 */
export async function unpackArchive(file: string, root: string, destination: string): Promise<boolean> {
  if (!(await lstat(file)).isFile() || !(await isTar(file))) return false;
  const folder = rootedPath(root, destination);
  await mkdir(folder, { recursive: true });
  await unpackLayer(decompressed(createReadStream(file)), folder, "keep");
  return true;
}

async function isTar(file: string): Promise<boolean> {
  let head = Buffer.alloc(0);
  try {
    for await (const part of decompressed(createReadStream(file))) {
      head = Buffer.concat([head, part]);
      if (head.length >= HEADER) break;
    }
  } catch (error) {
    if (codeOf(error) === "unsupported") throw error;
    return false; // it only begins like a compressed file
  }
  return head.toString("latin1", MAGIC.at, MAGIC.at + MAGIC.text.length) === MAGIC.text;
}
