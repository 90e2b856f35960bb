import { type Random, TsukubeError } from "@tsukube/foundation";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";

interface Offer {
  readonly archive: AsyncIterable<Uint8Array>;
  readonly fetched: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * What builds made besides images, until it is fetched: `POST /build?output=` tells an id, waits until `GET /build/outputs/ID` has read
 * the archive, once, and then goes on. An extension of ours: Docker sends it through the session of BuildKit.
 */
export class WaitingOutputs {
  readonly #random: Random;
  readonly #waiting = new Map<string, Offer>();

  constructor({ random }: Pick<DockerDeps, "random">) {
    this.#random = random;
  }

  route(): Route {
    return { method: "GET", path: /^\/build\/outputs\/([^/]+)$/, handle: (request) => this.#give(request) };
  }

  /** Resolves when the archive was read. @param tell Gets the id. @param signal Of the build, whose client may go away. */
  async offer(archive: AsyncIterable<Uint8Array>, tell: (id: string) => void, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const id = Buffer.from(this.#random.bytes(16)).toString("hex");
    this.#waiting.set(id, { archive, fetched: resolve, failed: reject });
    const gone = (): void => reject(signal.reason);
    signal.addEventListener("abort", gone, { once: true });
    try {
      signal.throwIfAborted();
      tell(id);
      await promise;
    } finally {
      promise.catch(() => {}); // it may fail again
      signal.removeEventListener("abort", gone);
      this.#waiting.delete(id);
    }
  }

  #give({ parameters: [id = ""], signal }: DockerRequest): DockerAnswer {
    const offer = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (offer === undefined)
      throw new TsukubeError("not-found", `Cannot find build output "${id}": it is there once, while its build waits`);
    const left = new TsukubeError("cancelled", "Cannot deliver the output of the build: its client went away");
    signal.addEventListener("abort", () => offer.failed(left), { once: true });
    return { bytes: given(offer), type: "application/x-tar" };
  }
}

async function* given({ archive, fetched, failed }: Offer): AsyncGenerator<Uint8Array> {
  try {
    yield* archive;
    fetched();
  } catch (error) {
    failed(error);
    throw error;
  }
}
