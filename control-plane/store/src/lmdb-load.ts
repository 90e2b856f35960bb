import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { damaged, decodeMeta, decodeVersion, FORMAT, type Meta, type Version } from "./lmdb-format.ts";
import { readFrames } from "./lmdb-frames.ts";
import { StoreError } from "./store.ts";

/** Runs the reader from its source; a bundle names its own. The file's path is added as the last argument. */
export const DEFAULT_READER: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL("./reader-main.ts", import.meta.url)),
];

const EMPTY: Meta = { format: FORMAT, revision: 0, compacted: 0, count: 0, sum: 0 };

/**
 * Reads everything through a child process and shows the newest version of each key, in key order.
 * @throws {StoreError} `damaged` when anything in the file is not as it was written, `failed` when it cannot be read here.
 */
export async function loadThroughReader(
  path: string,
  command: readonly string[],
  visit: (version: Version, meta: Meta) => void | Promise<void>,
): Promise<Meta> {
  if (!existsSync(path)) return EMPTY;
  const [program, ...args] = command;
  const child = spawn(program!, [...args, path], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => {
    said = (said + text).slice(-500);
  });
  let meta = EMPTY;
  try {
    for await (const frame of readFrames(child.stdout)) {
      if (frame.type === "end") return meta;
      if (frame.type === "damage") throw damaged(path, frame.message);
      if (frame.type === "meta") meta = checked(path, decodeMeta(frame.value));
      else {
        const work = visit(decodeVersion(frame.key, frame.value), meta);
        if (work !== undefined) await work;
      }
    }
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
  throw damaged(path, `its reader ended early (${await exited}${said === "" ? "" : `: ${said.trim()}`})`);
}

function checked(path: string, meta: Meta): Meta {
  if (meta.format === FORMAT) return meta;
  throw new StoreError(
    "failed",
    `Cannot open "${path}": format ${meta.format}, expected ${FORMAT}; start the version of Tsukube that wrote it, or a newer one`,
  );
}
