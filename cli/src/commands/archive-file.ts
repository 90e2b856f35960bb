import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TsukubeError } from "@tsukube/foundation";

/** @param file undefined for the standard output. @throws {TsukubeError} `usage` where that is a terminal. */
export function refuseTerminal(file: string | undefined): void {
  if (file === undefined && process.stdout.isTTY === true)
    throw new TsukubeError("usage", "Cannot write an archive to a terminal: expected -o FILE, or a pipe");
}

/** @param file undefined for the standard output. */
export async function writeArchive(archive: Readable, file: string | undefined): Promise<void> {
  if (file === undefined) return pipeline(archive, process.stdout, { end: false });
  try {
    await pipeline(archive, createWriteStream(file));
  } catch (error) {
    await rm(file, { force: true }); // half an archive is none
    throw error;
  }
}
