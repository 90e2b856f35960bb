import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { Registry, type RegistryOptions } from "./registry.ts";
import { OCI_MANIFEST } from "./store/manifest-document.ts";

/** As digests are written. */
export function digestOf(bytes: string | Uint8Array, algorithm = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** A registry in a folder of its own, on a port of the loopback. Its clock can be set on. */
export class RegistryUnderTest {
  readonly folder: string;
  readonly clock: Clock;
  registry!: Registry;
  url!: string;
  readonly #options: Partial<RegistryOptions>;
  #ahead = 0;

  private constructor(folder: string, options: Partial<RegistryOptions>) {
    this.folder = folder;
    this.#options = options;
    this.clock = { ...realClock, now: () => realClock.now() + this.#ahead };
  }

  static async start(options: Partial<RegistryOptions> = {}): Promise<RegistryUnderTest> {
    const made = new RegistryUnderTest(await mkdtemp(join(tmpdir(), "tsukube-registry-")), options);
    await made.#open();
    return made;
  }

  async #open(): Promise<void> {
    const { folder, clock } = this;
    this.registry = await Registry.open({ folder, clock, random: systemRandom, ...this.#options });
    this.url = `http://127.0.0.1:${await this.registry.listen("127.0.0.1", 0)}`;
  }

  async restart(): Promise<void> {
    await this.registry.close();
    await this.#open();
  }

  async close(): Promise<void> {
    await this.registry.close();
    await rm(this.folder, { recursive: true });
  }

  later(ms: number): void {
    this.#ahead += ms;
  }

  /** @param path From "/v2/" on, or as a `Location` says. */
  ask(method: string, path: string, init: RequestInit & { readonly duplex?: "half" } = {}): Promise<Response> {
    return fetch(new URL(path, this.url), { method, ...init });
  }

  async pushBlob(name: string, content: string | Uint8Array<ArrayBuffer>): Promise<string> {
    const digest = digestOf(content);
    const { status } = await this.ask("POST", `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: content });
    if (status !== 201) throw new Error(`a blob was answered ${status}`);
    return digest;
  }

  /** Pushes an image of a configuration and layers with these contents. @returns its digest. */
  async pushImage(name: string, reference: string, layers: readonly string[], more: object = {}): Promise<string> {
    for (const content of ["{}", ...layers]) await this.pushBlob(name, content);
    const text = imageManifest(layers, more);
    const { status } = await this.putManifest(name, reference, text);
    if (status !== 201) throw new Error(`a manifest was answered ${status}`);
    return digestOf(text);
  }

  putManifest(name: string, reference: string, text: string, type = OCI_MANIFEST): Promise<Response> {
    return this.ask("PUT", `/v2/${name}/manifests/${reference}`, { body: text, headers: { "content-type": type } });
  }

  async status(method: string, path: string): Promise<number> {
    return (await this.ask(method, path)).status;
  }
}

/** The text of a manifest whose configuration is "{}". */
export function imageManifest(layers: readonly string[], more: object = {}): string {
  const descriptor = (mediaType: string, content: string) => ({
    ...{ mediaType, digest: digestOf(content), size: Buffer.byteLength(content) },
  });
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor("application/vnd.oci.image.config.v1+json", "{}"),
    layers: layers.map((content) => descriptor("application/vnd.oci.image.layer.v1.tar", content)),
    ...more,
  });
}

/** The codes of an error document. */
export async function codesOf(response: Response): Promise<readonly string[]> {
  const { errors } = (await response.json()) as { errors: readonly { readonly code: string }[] };
  return errors.map(({ code }) => code);
}
