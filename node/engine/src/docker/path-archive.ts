import { closeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { openWithin, type Program, startProgram } from "@tsukube/kernel";

/** Bytes to read once, and what to call when nobody reads them any more, or ever. */
export interface PathArchive {
  readonly bytes: AsyncGenerator<Uint8Array>;
  /** Ends what makes them. More than once does nothing. */
  close(): Promise<void>;
  /** They were read, or nobody reads them. */
  readonly closed: Promise<void>;
}

/**
 * What lies at `path` below `root` as a tar archive in which it is called `name`; "." is a folder's content. tar(1) reads it, links stay
 * links. Its folder is opened before this returns: what becomes of the names on the way does not matter.
 * @param path Absolute, without "..".
 * @param isFolder Whether a link at the end is followed.
 */
export function pathArchive(root: string, path: string, name: string, isFolder = false): PathArchive {
  const isContent = name === "." || isFolder;
  const folder = openWithin(root, isContent ? path : dirname(path));
  const reader = new ArchiveReader(folder, isContent ? "." : basename(path), name);
  return { bytes: reader.bytes(), close: () => reader.close(), closed: reader.closed };
}

class ArchiveReader {
  readonly #folder: number;
  readonly #what: string;
  readonly #name: string;
  readonly #over = Promise.withResolvers<void>();
  #program: Promise<Program> | undefined;
  #ended: ReturnType<Program["ended"]> | undefined;
  #isClosing = false;

  constructor(folder: number, what: string, name: string) {
    this.#folder = folder;
    this.#what = what;
    this.#name = name;
  }

  get closed(): Promise<void> {
    return this.#over.promise;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    if (this.#isClosing) return;
    this.#program = startProgram("tar", this.#arguments(), { descriptors: ["null", "output", "output"] });
    try {
      const program = await this.#program;
      const errors = text(program.outputs.get(2) as AsyncIterable<Uint8Array>);
      errors.catch(() => {}); // it was killed
      yield* program.outputs.get(1) as AsyncIterable<Uint8Array>;
      const said = await errors;
      const end = await this.#end(program);
      if ("signal" in end || end.code > 1)
        throw new TsukubeError("failed", `Cannot archive "${this.#name}": ${said.trim()}`);
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosing) return this.closed;
    this.#isClosing = true;
    try {
      await this.#kill();
    } finally {
      closeSync(this.#folder);
      this.#over.resolve();
    }
  }

  async #kill(): Promise<void> {
    const program = await this.#program?.catch(() => undefined);
    if (program === undefined || this.#ended !== undefined) return;
    process.kill(program.pid, "SIGKILL"); // nobody has its pid before it was waited for
    for (const output of program.outputs.values()) output.destroy();
    await this.#end(program);
  }

  #end(program: Program): ReturnType<Program["ended"]> {
    this.#ended ??= program.ended();
    return this.#ended;
  }

  #arguments(): readonly string[] {
    const [what, name] = [this.#what, this.#name];
    // a name with special signs is one of a regular expression otherwise
    const rename = what === name ? [] : [`--transform=s,^${escaped(what)},${name.replace(/[\\&,]/g, "\\$&")},rSh`];
    return [
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
      `/proc/${process.pid}/fd/${this.#folder}`,
      "--",
      what,
    ];
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
