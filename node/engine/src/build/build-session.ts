import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { formatTime, messageOf, TsukubeError } from "@tsukube/foundation";
import type { Mounts } from "@tsukube/kernel";
import type { Mount } from "@tsukube/node-contracts/cri";
import type { ImageRecord } from "../images/image-store.ts";
import type { Platform } from "../images/platform.ts";
import { parseReference, shortReference } from "../images/reference.ts";
import type { Material } from "./attestations.ts";
import type { CacheMounts } from "./cache-mounts.ts";
import type { BuildProgress, BuildRequest, BuildStep, NamedContext } from "./contracts.ts";
import { digestSources, findSources } from "./copy-sources.ts";
import type { DockerIgnore } from "./docker-ignore.ts";
import { flagOf, type Instruction, invalid } from "./dockerfile/instruction.ts";
import { type Dockerfile, type Stage, stageNamed } from "./dockerfile/stages.ts";
import { DEFAULT_PATH } from "./image-config.ts";
import type { ImageState } from "./image-state.ts";
import type { KnownDigests } from "./known-digests.ts";
import type { LayerMaker, Source } from "./layer-maker.ts";
import { withLent } from "./lent-mounts.ts";
import { rootedPath } from "./rooted-path.ts";
import type { BuildCommands } from "./run-command.ts";
import type { RunMount } from "./run-mounts.ts";
import { expand, platformArgs, type Scope, withArgs } from "./scope.ts";
import type { SharedCache } from "./shared-cache.ts";
import { StageBuilder } from "./stage-builder.ts";

export interface SessionDeps {
  readonly layers: LayerMaker;
  readonly commands: BuildCommands;
  readonly mounts: Mounts;
  /** The image of that name, pulled if it is not here, or if the newest is wanted. */
  readonly image: (name: string, options: ImageWish) => Promise<ImageRecord>;
  /** That of an archive in a file. */
  readonly archived: (file: string, platform: string | undefined) => Promise<ImageRecord>;
  readonly cacheMounts: CacheMounts;
  readonly digests: KnownDigests;
  /** For what one build needs; emptied at start. */
  readonly temporary: string;
}

export interface ImageWish {
  readonly pull: boolean;
  readonly platform?: string;
  readonly credentials: BuildRequest["credentials"];
  readonly signal: AbortSignal;
}

/** A mount of a RUN, the mount point that it needs, and the variable that tells of it. */
export interface BoundMount {
  readonly mount?: Mount;
  /** Ends with a slash for a folder. */
  readonly point?: string;
  readonly env?: { readonly name: string; readonly value: string };
}

/** One build: the stages that are needed, each built once, those that do not need each other at the same time. */
export class BuildSession {
  readonly request: BuildRequest;
  readonly deps: SessionDeps;
  readonly dockerfile: Dockerfile;
  /** Results of steps elsewhere. */
  readonly cache: SharedCache;
  /** What of the context is not there. */
  readonly ignore: DockerIgnore;
  /** Ends when the client goes away, or when a stage fails. */
  readonly signal: AbortSignal;
  /** What the steps of a later build of the same are compared with. */
  readonly lineage: string;
  /** SOURCE_DATE_EPOCH: seconds, which no time in the image is later than. */
  readonly epoch: number | undefined;
  /** The same, as RFC 3339. */
  readonly created: string | undefined;
  readonly #platform: Platform;
  readonly #globals: Scope;
  readonly #failed = new AbortController();
  readonly #stages = new Map<Stage, Promise<ImageState>>();
  readonly #materials = new Map<string, ImageRecord>();
  readonly #archives = new Map<string, Promise<ImageRecord>>();
  readonly #copies = new Map<string, Promise<ImageState>>();
  #folder: Promise<string> | undefined;
  #total = 0;
  #begun = 0;

  constructor(
    deps: SessionDeps,
    request: BuildRequest,
    dockerfile: Dockerfile,
    ignore: DockerIgnore,
    platform: Platform,
    cache: SharedCache,
  ) {
    this.ignore = ignore;
    this.cache = cache;
    this.deps = deps;
    this.request = request;
    this.dockerfile = dockerfile;
    this.#platform = platform;
    this.signal = AbortSignal.any([request.signal, this.#failed.signal]);
    this.lineage = `${request.names[0] ?? ""} ${request.dockerfile}`;
    this.epoch = epochOf(request.buildArgs["SOURCE_DATE_EPOCH"]);
    this.created = this.epoch === undefined ? undefined : formatTime(this.epoch * 1000);
    this.#globals = this.#globalScope();
  }

  async build(): Promise<ImageState> {
    const target = this.#target();
    const needed = this.#needed(target);
    this.#total = needed.reduce((sum, stage) => sum + 1 + stage.instructions.length, 0);
    const states = needed.map((stage) => this.stateOf(stage));
    try {
      return await this.stateOf(target);
    } catch (error) {
      this.#failed.abort(error);
      throw this.#failed.signal.reason; // the first failure, not what it made others do
    } finally {
      await Promise.allSettled(states);
      if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true });
    }
  }

  /** Images that were begun from, or copied of, by the names that the Dockerfile has for them. */
  get materials(): readonly Material[] {
    return [...this.#materials].map(([name, image]) => ({ name, image }));
  }

  tell = (event: BuildProgress): void => this.request.onProgress(event);

  begin(stage: Stage, instruction: Instruction): BuildStep {
    const number = Math.min(++this.#begun, this.#total);
    const step = { number, total: this.#total, stage: stage.name ?? String(stage.index), text: instruction.text };
    this.tell({ kind: "step", step });
    return step;
  }

  stateOf(stage: Stage): Promise<ImageState> {
    let state = this.#stages.get(stage);
    if (state === undefined) {
      state = this.#build(stage);
      state.catch((error: unknown) => this.#failed.abort(error)); // the others need not go on, and fail for the same reason
      this.#stages.set(stage, state);
    }
    return state;
  }

  /**
   * Where `--from` leads: the context, a stage, or an image.
   * @param isWritten Whether `work` lets a command write there: what it writes is gone afterwards, and nobody else sees it.
   */
  async withSource<T>(
    from: string | undefined,
    stage: Stage,
    instruction: Instruction,
    work: (source: Source) => Promise<T>,
    isWritten = false,
  ): Promise<T> {
    const lend = async (folder: string): Promise<T> =>
      isWritten ? this.deps.layers.lend(await this.#copyOf(folder), work) : work({ root: async () => folder });
    if (from === undefined) return lend(this.request.context);
    const named = this.#named(from);
    if (named !== undefined && "folder" in named) return lend(named.folder);
    if (named !== undefined) return this.deps.layers.lend(await this.#imageState(from, instruction), work);
    const other = stageNamed(this.dockerfile.stages, from, stage.index);
    const state = other === undefined ? await this.#imageState(from, instruction) : await this.stateOf(other);
    return this.deps.layers.lend(state, work);
  }

  /** @param work Gets the mounts, and what of their content belongs to the command's inputs. */
  async withMounts<T>(
    mounts: readonly RunMount[],
    stage: Stage,
    instruction: Instruction,
    work: (bound: readonly BoundMount[], contents: readonly (readonly [string, string])[]) => Promise<T>,
    done: readonly BoundMount[] = [],
    contents: readonly (readonly [string, string])[] = [],
  ): Promise<T> {
    const [mount, ...others] = mounts;
    if (mount === undefined) return work(done, contents);
    const further = (bound: BoundMount, added: readonly (readonly [string, string])[] = []): Promise<T> =>
      this.withMounts(others, stage, instruction, work, [...done, bound], [...contents, ...added]);
    if (mount.type === "secret" || mount.type === "ssh")
      return withLent(this, mount, instruction, (bound = {}) => further(bound));
    const { target } = mount;
    if (mount.type === "cache") {
      const lend = (cache: typeof mount, beginning?: string, digest?: string): Promise<T> =>
        this.deps.cacheMounts.lend(
          cache,
          (folder) => further(boundAt(folder, target, mount.readonly), digest === undefined ? [] : [[target, digest]]),
          beginning,
        );
      if (mount.beginning === undefined) return lend(mount);
      const { from, source } = mount.beginning;
      return this.withSource(from, stage, instruction, async (files) => {
        const root = await files.root();
        const [found] = await findSources(root, [source]);
        if (found?.isFolder !== true)
          throw invalid(
            instruction.at,
            `RUN --mount=type=cache,from=${from},source=${source}: expected a folder there`,
          );
        const digests = await digestSources([found], true);
        const digest = createHash("sha256")
          .update(JSON.stringify([...digests]))
          .digest("hex");
        return lend({ ...mount, id: `${mount.id} of ${digest.slice(0, 16)}` }, rootedPath(root, source), digest);
      });
    }
    if (mount.type === "tmpfs") {
      const folder = await this.temporary(async (created) => created);
      this.deps.mounts.tmpfs(folder, mount.sizeBytes === undefined ? {} : { sizeBytes: mount.sizeBytes });
      return further(boundAt(folder, target, false)).finally(() => this.deps.mounts.unmount(folder));
    }
    const bind = async (files: Source): Promise<T> => {
      const root = await files.root();
      const [source] = await findSources(root, [mount.source]);
      const digests = await digestSources(source === undefined ? [] : [source], true);
      const place = rootedPath(root, mount.source);
      const bound = boundAt(place, target, !mount.writable, source?.isFolder === true);
      return further(
        bound,
        [...digests].map(([path, digest]) => [`${target}: "${path}"`, digest]),
      );
    };
    return this.withSource(mount.from, stage, instruction, bind, mount.writable);
  }

  /** A program for one command, at `target` in its container. */
  async scriptMount(id: string, script: string, target: string): Promise<Mount> {
    const hostPath = await this.temporary(async (folder) => `${folder}/${id}`);
    await writeFile(hostPath, script, { mode: 0o755 });
    return { hostPath, containerPath: target, readonly: true };
  }

  /** A folder that goes with the build. */
  async temporary<T>(work: (folder: string) => Promise<T>): Promise<T> {
    this.#folder ??= mkdir(this.deps.temporary, { recursive: true }).then(() => mkdtemp(`${this.deps.temporary}/`));
    return work(await mkdtemp(`${await this.#folder}/`));
  }

  async #build(stage: Stage): Promise<ImageState> {
    this.signal.throwIfAborted();
    const from = this.#baseOf(stage);
    this.begin(stage, stage.from);
    const named = this.#named(from);
    if (named !== undefined && "folder" in named)
      throw invalid(stage.from.at, `FROM ${from}: build context "${from}" is a folder, expected an image`);
    const other = named === undefined ? stageNamed(this.dockerfile.stages, from, stage.index) : undefined;
    const state =
      other !== undefined
        ? { ...(await this.stateOf(other)), ownCmd: false }
        : from === "scratch" && named === undefined
          ? { layers: [], config: { Env: [DEFAULT_PATH] }, ownCmd: false, history: [] }
          : await this.#imageState(from, stage.from, stage);
    const scope = { ...this.#globals, env: state.config.Env ?? [], args: state.args ?? new Map<string, string>() };
    return new StageBuilder(this, stage, state, scope).build();
  }

  async #imageState(name: string, instruction: Instruction, stage?: Stage): Promise<ImageState> {
    const flag = stage?.platform ?? flagOf(instruction, "platform");
    const platform = flag === undefined ? this.request.platform : expand(this.#globals, instruction, flag);
    try {
      const { pull, credentials } = this.request;
      const wish = { pull, credentials, signal: this.signal, ...(platform === undefined ? {} : { platform }) };
      const named = this.#named(name);
      const base = await (named !== undefined && "archive" in named
        ? this.#archived(named.archive, platform)
        : this.deps.image(named !== undefined && "image" in named ? named.image : name, wish));
      this.#materials.set(named !== undefined && "image" in named ? named.image : name, base);
      return { base, layers: [], config: base.config, ownCmd: false, history: [] };
    } catch (error) {
      this.signal.throwIfAborted();
      const { file, line, column } = instruction.at;
      const names = this.dockerfile.stages.flatMap((each) => each.name ?? []);
      const isName = stage === undefined && /^[\w-]+$/.test(name); // more likely a stage's than an image's
      const stages = isName && names.length > 0 ? `; the stages of the file are ${names.join(", ")}` : "";
      throw new TsukubeError("failed", `${file}:${line}:${column}: ${instruction.text}: ${messageOf(error)}${stages}`, {
        cause: error,
      });
    }
  }

  /** The context of that name, which may be written as that of an image is. */
  #named(name: string): NamedContext | undefined {
    return this.request.contexts.get(contextName(name));
  }

  /** Paths in a folder of the client are safe to follow only because no command ever writes there. */
  #copyOf(folder: string): Promise<ImageState> {
    const copy = this.#copies.get(folder) ?? this.deps.layers.copied(folder);
    this.#copies.set(folder, copy);
    return copy;
  }

  /** Read once, whoever uses it. */
  #archived(file: string, platform: string | undefined): Promise<ImageRecord> {
    const key = `${platform} ${file}`;
    const image = this.#archives.get(key) ?? this.deps.archived(file, platform);
    this.#archives.set(key, image);
    return image;
  }

  #baseOf(stage: Stage): string {
    const base = expand(this.#globals, stage.from, stage.base);
    if (base === "")
      throw invalid(
        stage.from.at,
        `FROM ${stage.base} names no image: a variable in it has no value, expected one from ARG`,
      );
    return base;
  }

  #target(): Stage {
    const { stages } = this.dockerfile;
    const wanted = this.request.target;
    const stage = wanted === undefined ? stages.at(-1) : stageNamed(stages, wanted);
    if (stage !== undefined) return stage;
    const names = stages.map(({ name, index }) => name ?? String(index)).join(", ");
    throw new TsukubeError(
      "invalid",
      `Cannot build stage "${wanted}": ${this.dockerfile.file} has no such stage, expected one of ${names}`,
    );
  }

  /** The target and what it is made from, in the order of the file. */
  #needed(target: Stage): readonly Stage[] {
    const needed = new Set<Stage>();
    const add = (stage: Stage | undefined): void => {
      if (stage === undefined || needed.has(stage)) return;
      needed.add(stage);
      const named = (reference: string | undefined): void =>
        add(
          reference === undefined || this.#named(reference) !== undefined
            ? undefined
            : stageNamed(this.dockerfile.stages, reference, stage.index),
        );
      named(this.#baseOf(stage));
      for (const instruction of stage.instructions) {
        named(flagOf(instruction, "from"));
        for (const { name, value = "" } of instruction.flags)
          if (name === "mount") named(/(?:^|,)from=([^,]+)/.exec(value)?.[1]);
      }
    };
    add(target);
    return [...needed].sort((a, b) => a.index - b.index);
  }

  #globalScope(): Scope {
    const target = this.request.target ?? this.dockerfile.stages.at(-1)?.name ?? "";
    const platforms = platformArgs(this.#platform, target);
    const buildArgs = new Map(Object.entries(this.request.buildArgs));
    let scope: Scope = {
      escapeChar: this.dockerfile.escapeChar,
      env: [],
      args: platforms,
      given: { buildArgs, globals: platforms },
    };
    for (const instruction of this.dockerfile.globals) scope = withArgs(scope, instruction);
    return { ...scope, given: { buildArgs, globals: scope.args } };
  }
}

/** "alpine" for "docker.io/library/alpine:latest": contexts stand in for images by their shortest name. */
export function contextName(text: string): string {
  try {
    return shortReference(parseReference(text)).replace(/:latest$/, "");
  } catch {
    return text;
  }
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined; // scripts pass on what they may not have
  const epoch = Number(text);
  if (/^\d+$/.test(text) && epoch <= 8_640_000_000_000) return epoch;
  throw new TsukubeError("invalid", `Cannot build at SOURCE_DATE_EPOCH=${text}: expected seconds since 1970`);
}

function boundAt(hostPath: string, containerPath: string, readonly: boolean, isFolder = true): BoundMount {
  const point = isFolder ? `${containerPath.replace(/\/+$/, "")}/` : containerPath;
  return { mount: { hostPath, containerPath, readonly }, point };
}
