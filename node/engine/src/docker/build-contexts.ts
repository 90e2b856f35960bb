import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { type Clock, type Random, TsukubeError } from "@tsukube/foundation";
import { removeTree } from "@tsukube/kernel";
import type { NamedContext } from "../build/contracts.ts";
import { decompressed } from "../images/decompressed.ts";
import { unpackLayer } from "../images/unpack.ts";
import type { DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { isTrue } from "./query-flag.ts";

/** How long they wait for their build. */
const WAIT_MS = 10 * 60_000;

/** What `--build-context` names, as `POST /build?context=` takes it. */
export interface ContextDocument {
  readonly name: string;
  /** Of a folder, or the archive of an image, that was sent before. */
  readonly id?: string;
  readonly image?: string;
  /** A repository. */
  readonly remote?: string;
}

/**
 * Further build contexts until their build begins: `POST /build/contexts` takes a folder as tar archive, or with `?image=1` the archive of
 * one image, and answers with an id, which `POST /build?context=` takes, once. An extension of ours: the classic build has one context.
 */
export class WaitingContexts {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #uploads: string;
  readonly #waiting = new Map<string, NamedContext>();

  constructor({ clock, random, uploads }: Pick<DockerDeps, "clock" | "random" | "uploads">) {
    this.#clock = clock;
    this.#random = random;
    this.#uploads = uploads;
  }

  route(): Route {
    return {
      method: "POST",
      path: /^\/build\/contexts$/,
      handle: async (request) => ({ status: 200, json: { Id: await this.#put(request) } }),
    };
  }

  /** The caller removes it, a folder or a file. @throws {TsukubeError} `invalid` for an id that is unknown, or was taken. */
  take(id: string): { readonly context: NamedContext; readonly path: string } {
    const context = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (context !== undefined) return { context, path: this.#path(id) };
    throw new TsukubeError("invalid", `Cannot find build context "${id}": it is there once, for ten minutes`);
  }

  async #put(request: DockerRequest): Promise<string> {
    const id = Buffer.from(this.#random.bytes(16)).toString("hex");
    const path = this.#path(id);
    const isImage = isTrue(request.query.get("image"));
    try {
      if (isImage) await pipeline(request.body, createWriteStream(path, { mode: 0o600 }));
      else {
        await mkdir(path, { recursive: true, mode: 0o755 });
        await unpackLayer(decompressed(request.body), path, "keep");
      }
    } catch (error) {
      await removeTree(path);
      throw error;
    }
    this.#waiting.set(id, isImage ? { archive: path } : { folder: path });
    const forget = (): void => {
      if (this.#waiting.delete(id)) removeTree(path).catch(() => {}); // it goes at the next start
    };
    this.#clock.after(WAIT_MS, forget, { background: true });
    return id;
  }

  #path(id: string): string {
    return `${this.#uploads}/context-${id}`;
  }
}
