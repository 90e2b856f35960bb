import { createHash } from "node:crypto";
import { mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { type Clock, codeOf } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import type { LayerHolder } from "../images/image-garbage.ts";
import type { NewLayer } from "../images/image-store.ts";

/** What a step's result depends on, by name: "instruction", "base", "file web.mjs". Equal inputs, equal result. */
export type StepInputs = ReadonlyMap<string, string>;

/** The result of a step. One checksummed file each. */
export interface CachedStep {
  readonly key: string;
  /** Digests of the inputs, to say later what changed. */
  readonly inputs: readonly (readonly [name: string, digest: string])[];
  /** Which step of which build it was: "docker.io/library/web:latest web 3". */
  readonly lineage: string;
  /** Absent when the step changed no file. */
  readonly layer?: NewLayer;
  /** Layers below, and this one. */
  readonly chain: readonly string[];
  readonly diffIds: readonly string[];
  /** RFC 3339. */
  readonly created: string;
  /** Milliseconds since the epoch; the file's time of modification, so that use costs no write. */
  readonly usedAt: number;
}

const MAX_NAMED = 3;

/** Results of build steps, found by what they depend on; the longest unused go when they hold too many bytes. */
export class BuildCache {
  readonly #folder: string;
  readonly #clock: Pick<Clock, "now">;
  readonly #maxBytes: number;
  readonly #steps = new Map<string, CachedStep>();

  /** @param maxBytes Of all layers that only the cache holds, together. */
  constructor(folder: string, clock: Pick<Clock, "now">, maxBytes: number) {
    this.#folder = folder;
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      const path = `${this.#folder}/${name}`;
      const step = name.startsWith(".") ? undefined : await readRecord<Omit<CachedStep, "usedAt">>(path);
      if (step !== undefined) this.#steps.set(step.key, { ...step, usedAt: Math.round((await stat(path)).mtimeMs) });
    }
  }

  /** What keeps the layers from being collected. */
  holders(): readonly LayerHolder[] {
    return [...this.#steps.values()].map(({ chain, diffIds }) => ({ chain, diffIds, blobs: [] }));
  }

  get all(): readonly CachedStep[] {
    return [...this.#steps.values()];
  }

  async find(key: string): Promise<CachedStep | undefined> {
    const step = this.#steps.get(key);
    if (step === undefined) return undefined;
    return this.#use(step);
  }

  async put(step: Omit<CachedStep, "usedAt">): Promise<CachedStep> {
    await writeRecord(this.#path(step.key), step);
    const added = await this.#use(step);
    await this.#shrink();
    return added;
  }

  /** What differs from the same step of the last such build, in words. */
  explain(lineage: string, inputs: StepInputs, baseName: string): string {
    const last = [...this.#steps.values()]
      .filter((step) => step.lineage === lineage)
      .sort((a, b) => b.usedAt - a.usedAt)[0];
    if (last === undefined) return "it did not run before";
    const before = new Map(last.inputs);
    const changed = [...inputs].flatMap(([name, value]) => {
      if (!before.has(name)) return [`${name} is new`];
      return before.get(name) === short(value) ? [] : [`${name === "base" ? baseName : name} changed`];
    });
    const gone = [...before.keys()].filter((name) => !inputs.has(name)).map((name) => `${name} is gone`);
    const all = [...changed, ...gone];
    if (all.length === 0) return "its result was removed";
    return all.length <= MAX_NAMED
      ? all.join(", ")
      : `${all.slice(0, MAX_NAMED).join(", ")} and ${all.length - MAX_NAMED} more`;
  }

  async #shrink(): Promise<void> {
    const newest = [...this.#steps.values()].sort((a, b) => b.usedAt - a.usedAt);
    const counted = new Set<string>();
    let bytes = 0;
    for (const step of newest) {
      const { layer } = step;
      if (layer !== undefined && !counted.has(layer.chainId)) bytes += layer.size;
      if (layer !== undefined) counted.add(layer.chainId);
      if (bytes > this.#maxBytes) await this.remove(step.key);
    }
  }

  async remove(key: string): Promise<void> {
    this.#steps.delete(key);
    await rm(this.#path(key), { force: true });
  }

  async #use(step: Omit<CachedStep, "usedAt">): Promise<CachedStep> {
    const usedAt = this.#clock.now();
    const used = { ...step, usedAt };
    this.#steps.set(step.key, used);
    await utimes(this.#path(step.key), usedAt / 1000, usedAt / 1000).catch(unlessRemoved);
    return used;
  }

  #path(key: string): string {
    return `${this.#folder}/${key}`;
  }
}

/** The name of a step's result. */
export function keyOf(inputs: StepInputs): string {
  return createHash("sha256")
    .update(JSON.stringify([...inputs].sort(byName)))
    .digest("hex");
}

export function digestsOf(inputs: StepInputs): CachedStep["inputs"] {
  return [...inputs].map(([name, value]) => [name, short(value)]);
}

function short(value: string): string {
  return createHash("sha256").update(value).digest("base64url").slice(0, 12);
}

function unlessRemoved(error: unknown): void {
  if (codeOf(error) !== "ENOENT") throw error;
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
