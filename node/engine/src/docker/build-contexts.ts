import { mkdir, rm } from "node:fs/promises";
import { type Clock, type Random, TsukubeError } from "@tsukube/foundation";
import { decompressed } from "../images/decompressed.ts";
import { unpackLayer } from "../images/unpack.ts";
import type { DockerDeps, DockerRequest, Route } from "./contracts.ts";

/** How long they wait for their build. */
const WAIT_MS = 10 * 60_000;

/** What `--build-context` names, as `POST /build?context=` takes it. */
export interface ContextDocument {
  readonly name: string;
  /** Of a folder that was sent before. */
  readonly id?: string;
  readonly image?: string;
  /** A repository. */
  readonly remote?: string;
}

/**
 * Further build contexts until their build begins: `POST /build/contexts` takes a folder as tar archive and answers with an id, which
 * `POST /build?context=` takes, once. An extension of ours: the classic build has one context.
 */
export class WaitingContexts {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #uploads: string;
  readonly #waiting = new Set<string>();

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

  /** The folder, which is the caller's now. @throws {TsukubeError} `invalid` for an id that is unknown, or was taken. */
  take(id: string): string {
    if (this.#waiting.delete(id)) return this.#folder(id);
    throw new TsukubeError("invalid", `Cannot find build context "${id}": it is there once, for ten minutes`);
  }

  async #put(request: DockerRequest): Promise<string> {
    const id = Buffer.from(this.#random.bytes(16)).toString("hex");
    const folder = this.#folder(id);
    await mkdir(folder, { recursive: true, mode: 0o755 });
    try {
      await unpackLayer(decompressed(request.body), folder, "keep");
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    this.#waiting.add(id);
    const forget = (): void => {
      if (this.#waiting.delete(id)) void rm(folder, { recursive: true, force: true });
    };
    this.#clock.after(WAIT_MS, forget, { background: true });
    return id;
  }

  #folder(id: string): string {
    return `${this.#uploads}/context-${id}`;
  }
}
