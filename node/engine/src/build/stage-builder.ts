import { lstatSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { posix } from "node:path";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { textWithin } from "../containers/text-within.ts";
import { resolveUser } from "../containers/users.ts";
import { unpackArchive } from "./archives.ts";
import type { CachedStep, StepInputs } from "./build-cache.ts";
import type { BoundMount, BuildSession } from "./build-session.ts";
import type { BuildNetwork, BuildRequest, BuildStep, Entitlement } from "./contracts.ts";
import { type CopyOptions, copySources, makeFolders } from "./copy-files.ts";
import { type CopySource, digestSources, findSources } from "./copy-sources.ts";
import { flagOf, type Instruction, invalid, isSet } from "./dockerfile/instruction.ts";
import { readInstruction } from "./dockerfile/scan.ts";
import type { Stage } from "./dockerfile/stages.ts";
import { splitWords } from "./dockerfile/words.ts";
import { download, isGit, isUrl } from "./downloads.ts";
import { modeChange } from "./file-mode.ts";
import { cloneSource, parseGitReference } from "./git-source.ts";
import { commandOf, configure, shellOf } from "./image-config.ts";
import { advanced, contentOf, type ImageState } from "./image-state.ts";
import { LastLines } from "./last-lines.ts";
import type { Change } from "./layer-maker.ts";
import { cleanPattern, pathPattern } from "./path-pattern.ts";
import { rootedPath } from "./rooted-path.ts";
import { mountsOf } from "./run-mounts.ts";
import { commandArgs, expand, expandHeredoc, type Scope, withArgs } from "./scope.ts";

/** Mount points that every container needs. */
const MOUNT_POINTS = ["/proc/", "/sys/", "/dev/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
const SCRIPT = "/dev/.build-script";

/** Carries out the instructions of one stage, one after the other. */
export class StageBuilder {
  readonly #session: BuildSession;
  readonly #stage: Stage;
  #state: ImageState;
  #scope: Scope;
  #steps = 0;

  constructor(session: BuildSession, stage: Stage, state: ImageState, scope: Scope) {
    this.#session = session;
    this.#stage = stage;
    this.#state = state;
    this.#scope = scope;
  }

  async build(): Promise<ImageState> {
    await this.#triggers();
    for (const instruction of this.#stage.instructions) await this.#carryOut(instruction);
    return { ...this.#state, args: this.#scope.args };
  }

  /** What the base image's ONBUILD keeps for those that are built on it. */
  async #triggers(): Promise<void> {
    const { OnBuild, ...config } = this.#state.config;
    if (OnBuild == null || OnBuild.length === 0) return;
    this.#state = { ...this.#state, config };
    for (const text of OnBuild)
      await this.#carryOut(readInstruction(text, this.#stage.from.at, this.#scope.escapeChar));
  }

  async #carryOut(instruction: Instruction): Promise<void> {
    const step = this.#session.begin(this.#stage, instruction);
    this.#steps++;
    try {
      this.#state = await this.#next(instruction, step);
    } catch (error) {
      if (this.#session.signal.aborted || codeOf(error) === "invalid" || codeOf(error) === "failed") throw error;
      throw new TsukubeError(
        codeOf(error) ?? "failed",
        `${place(instruction)}: ${instruction.text}: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
    this.#scope = { ...this.#scope, env: this.#state.config.Env ?? [] };
  }

  async #next(instruction: Instruction, step: BuildStep): Promise<ImageState> {
    const { text } = instruction;
    switch (instruction.keyword) {
      case "ARG":
        this.#scope = withArgs(this.#scope, instruction);
        return advanced(this.#state, { text });
      case "MAINTAINER":
        return { ...advanced(this.#state, { text }), author: instruction.args };
      case "RUN":
        return this.#run(instruction, step);
      case "COPY":
      case "ADD":
        return this.#copy(instruction, step);
      case "WORKDIR":
        return this.#workingDirectory(instruction, step);
      default:
        return { ...advanced(this.#state, { text }), ...configure(this.#state, instruction, this.#scope) };
    }
  }

  /** The folder is made where the image lacks it. */
  async #workingDirectory(instruction: Instruction, step: BuildStep): Promise<ImageState> {
    const configured = configure(this.#state, instruction, this.#scope);
    const path = configured.config.WorkingDir ?? "/";
    const inputs = new Map([["instruction", `WORKDIR ${path}`], this.#base()]);
    const made = await this.#apply(step, inputs, [], (root) => makeFolders(root, path, {}));
    return { ...advanced(this.#state, { text: instruction.text, ...made }), ...configured };
  }

  async #run(instruction: Instruction, step: BuildStep): Promise<ImageState> {
    const { config } = this.#state;
    const args = commandArgs(this.#scope);
    const mounts = mountsOf(instruction, this.#scope, config.WorkingDir ?? "/");
    const script = scriptOf(instruction);
    const command = script === undefined ? commandWithHeredocs(this.#state, instruction) : [SCRIPT];
    const { surroundings } = this.#session.request;
    const network = networkOf(instruction, this.#session.request);
    const privileged = isInsecure(instruction, this.#session.request);
    const { cacheMounts, commands } = this.#session.deps;
    return this.#session.withMounts(mounts, this.#stage, instruction, async (bound, contents) => {
      const inputs = new Map([
        ["instruction", JSON.stringify([command, script, network, privileged, instruction.flags])],
        this.#base(),
        ["user", config.User ?? ""],
        ["working directory", config.WorkingDir ?? ""],
        ...Object.entries(surroundings).map(([name, value]): [string, string] => [name, JSON.stringify(value)]),
        ...(config.Env ?? []).map((entry): [string, string] => [`ENV ${entry.split("=", 1)[0]}`, entry]),
        ...args.filter(({ counted }) => counted).map(({ name, value }): [string, string] => [`ARG ${name}`, value]),
        ...contents,
      ]);
      const points = [...MOUNT_POINTS, ...bound.flatMap(({ point }) => (point === undefined ? [] : [point]))];
      const last = new LastLines();
      const made = await this.#apply(step, inputs, points, async (root, id) => {
        if (instruction.json === undefined && script === undefined) requireShell(instruction, root, command, bound);
        const extra = script === undefined ? [] : [await this.#session.scriptMount(id, script, SCRIPT)];
        const run = (): Promise<number> =>
          commands.run({
            id,
            rootfs: root,
            config,
            command,
            env: [...args, ...bound.flatMap(({ env }) => (env === undefined ? [] : [env]))],
            mounts: [...bound.flatMap(({ mount }) => (mount === undefined ? [] : [mount])), ...extra],
            network,
            surroundings,
            privileged,
            signal: this.#session.signal,
            onOutput: (text) => {
              last.add(text);
              this.#session.tell({ kind: "output", step, text });
            },
          });
        const code = await cacheMounts.inTurn(mounts, this.#session.signal, run); // only now: it waits for no other stage
        if (code !== 0) throw failedCommand(instruction, code, last.lines);
      });
      return advanced(this.#state, { text: instruction.text, ...made });
    });
  }

  async #copy(instruction: Instruction, step: BuildStep): Promise<ImageState> {
    const words = (instruction.json ?? splitWords(instruction.args, this.#scope.escapeChar)).map((word) =>
      expand(this.#scope, instruction, word),
    );
    const destination = words.pop() ?? "";
    if (words.length === 0)
      throw invalid(
        instruction.at,
        `${instruction.text} lacks its destination, expected ${instruction.keyword} SOURCE DESTINATION`,
      );
    const from = flagOf(instruction, "from");
    const options = optionsOf(instruction, (word) => expand(this.#scope, instruction, word));
    return this.#session.withSource(from, this.#stage, instruction, async ({ content, root }) => {
      let found: Promise<readonly CopySource[]> | undefined;
      const sources = (): Promise<readonly CopySource[]> => {
        found ??= root().then((folder) => this.#sources(folder, words, instruction));
        return found;
      };
      const read = async (): Promise<ReadonlyMap<string, string>> => digestSources(await sources(), from !== undefined);
      const digests =
        content === undefined || instruction.heredocs.length > 0
          ? await read()
          : await this.#session.deps.digests.of(JSON.stringify([content, words, instruction.flags]), read);
      const workingDir = this.#state.config.WorkingDir ?? "/";
      const absolute = posix.resolve("/", workingDir, destination) + (/\/\.?$|^\.$/.test(destination) ? "/" : "");
      const inputs = new Map([
        ["instruction", JSON.stringify([instruction.keyword, absolute, options, words])],
        this.#base(),
        ...[...digests].map(([path, digest]): [string, string] => [`"${path}"`, digest]),
      ]);
      const made = await this.#apply(step, inputs, [], async (target) =>
        this.#write(instruction, await sources(), target, absolute, options, from === undefined),
      );
      return advanced(this.#state, { text: instruction.text, ...made });
    });
  }

  /** Files of the context, an image or a stage; here-documents; for ADD downloads, too. */
  async #sources(root: string, words: readonly string[], instruction: Instruction): Promise<readonly CopySource[]> {
    const excluded = instruction.flags
      .filter(({ name }) => name === "exclude")
      .map(({ value = "" }) => pathPattern(value));
    const ignore = root === this.#session.request.context ? this.#session.ignore : undefined;
    const isExcluded = (path: string): boolean => excluded.some((pattern) => pattern.test(path));
    const keep = (path: string): boolean => ignore?.ignores(path) !== true && !isExcluded(path);
    const looksInto = (path: string): boolean => ignore?.isFinal === false && !isExcluded(path);
    const sources: CopySource[] = [];
    for (const word of words.filter((each) => !/^<<-?/.test(each))) {
      if (instruction.keyword === "ADD" && isGit(word)) sources.push(await this.#repository(instruction, word));
      else if (instruction.keyword === "ADD" && isUrl(word)) {
        const { folder, name } = await this.#session.temporary(async (folder) => ({
          folder,
          name: await download(word, folder, flagOf(instruction, "checksum"), this.#session.signal),
        }));
        sources.push(...(await findSources(folder, [name])).map((source) => ({ ...source, isFetched: true })));
      } else {
        const found = await findSources(root, [word], keep, looksInto);
        sources.push(...found.map((source) => ({ ...source, kept: keptOf(source.path, word) })));
      }
    }
    for (const { name, content, expand: expands } of instruction.heredocs) {
      const text = expands ? expandHeredoc(this.#scope, instruction, content) : content;
      const folder = await this.#session.temporary(async (created) => {
        await writeFile(`${created}/${posix.basename(name)}`, text, { mode: 0o644 });
        return created;
      });
      sources.push(...(await findSources(folder, [posix.basename(name)])));
    }
    return sources;
  }

  async #repository(instruction: Instruction, word: string): Promise<CopySource> {
    const { agents } = this.#session.request.inputs;
    const agent = agents.get("default");
    const folder = await this.#session.temporary(async (created) => created);
    return cloneSource(parseGitReference(word), folder, {
      keepGitFolder: isSet(instruction, "keep-git-dir"),
      signal: this.#session.signal,
      ...(flagOf(instruction, "checksum") === undefined ? {} : { commit: flagOf(instruction, "checksum") }),
      ...(agent === undefined ? {} : { agent }),
    });
  }

  async #write(
    instruction: Instruction,
    sources: readonly CopySource[],
    root: string,
    destination: string,
    options: CopyFlags,
    fromContext: boolean,
  ): Promise<void> {
    if (sources.length > 1 && !destination.endsWith("/"))
      throw invalid(instruction.at, `${instruction.text}: several sources, expected a destination that ends with "/"`);
    const owner = options.chown === "" ? undefined : await ownerOf(root, options.chown);
    const mode =
      typeof options.mode === "string" ? modeChange(options.mode) : modeChange(options.mode?.toString(8) ?? "");
    const settings: CopyOptions = {
      ...(owner !== undefined ? { owner } : fromContext ? { owner: { uid: 0, gid: 0 } } : {}),
      ...(mode === undefined ? {} : { mode }),
      parents: options.parents,
    };
    for (const source of sources) {
      const file = source.entries[0]?.file ?? "";
      const extracts =
        instruction.keyword === "ADD" && !source.isFolder && (options.unpack ?? source.isFetched !== true);
      if (extracts && (await unpackArchive(file, root, destination))) continue;
      await copySources([source], root, destination, settings);
    }
  }

  /** Makes a layer, or finds it. */
  async #apply(
    step: BuildStep,
    inputs: StepInputs,
    mountPoints: readonly string[],
    make: Change["make"],
  ): Promise<Pick<CachedStep, "layer" | "created">> {
    const { request, deps, tell, created, epoch } = this.#session;
    const result = await deps.layers.apply(this.#state, {
      inputs: epoch === undefined ? inputs : new Map([...inputs, ["SOURCE_DATE_EPOCH", String(epoch)]]),
      lineage: `${this.#session.lineage} ${this.#stage.name ?? this.#stage.index} ${this.#steps}`,
      useCache: !request.noCache,
      mountPoints,
      ...(created === undefined ? {} : { created }),
      ...(epoch === undefined ? {} : { latest: epoch }),
      baseName: this.#state.layers.length === 0 ? `the base "${this.#stage.base}"` : "what the steps before it made",
      elsewhere: (key, state) => this.#session.cache.find(key, state),
      onHit: () => tell({ kind: "cached", step }),
      onMiss: (why) => tell({ kind: "missed", step, why }),
      make,
    });
    this.#session.cache.used(result);
    const { layer, created: at } = result;
    return { ...(layer === undefined ? {} : { layer }), created: at };
  }

  #base(): [string, string] {
    return ["base", contentOf(this.#state)];
  }
}

interface CopyFlags {
  readonly chown: string;
  /** A number, or as chmod(1) reads it. */
  readonly mode?: number | string;
  readonly parents: boolean;
  /** By default what is of the context, not what comes from a server. */
  readonly unpack?: boolean;
}

/** A "/./" in a word says where the folders begin that `--parents` keeps. */
function keptOf(path: string, word: string): string {
  const pivot = word.indexOf("/./");
  const above = pivot < 0 ? "" : cleanPattern(word.slice(0, pivot));
  return above === "" ? path : path.split("/").slice(above.split("/").length).join("/");
}

function optionsOf(instruction: Instruction, word: (text: string) => string): CopyFlags {
  const chmod = word(flagOf(instruction, "chmod") ?? "");
  if (chmod !== "" && modeChange(chmod) === undefined)
    throw invalid(
      instruction.at,
      `--chmod=${chmod} is not understood, expected as in --chmod=0755 or --chmod=u=rwX,go=rX`,
    );
  return {
    chown: word(flagOf(instruction, "chown") ?? ""),
    ...(chmod === "" ? {} : { mode: /^\d/.test(chmod) ? Number.parseInt(chmod, 8) : chmod }),
    parents: isSet(instruction, "parents"),
    ...(instruction.flags.some(({ name }) => name === "unpack") && { unpack: isSet(instruction, "unpack") }),
  };
}

/** A user without a group has the group of the same number (Dockerfile reference, "--chown"). */
async function ownerOf(root: string, chown: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const text = async (name: string): Promise<string> => (await textWithin(root, `/etc/${name}`)) ?? "";
  const { uid, gid } = resolveUser(chown, await text("passwd"), await text("group"));
  return { uid, gid: chown.includes(":") ? gid : uid };
}

const NETWORKS: readonly BuildNetwork[] = ["default", "none", "host"];

function networkOf(instruction: Instruction, { network: usual, allowed }: BuildRequest): BuildNetwork {
  const wanted = flagOf(instruction, "network") ?? usual;
  const network = NETWORKS.find((name) => name === wanted);
  if (network === undefined)
    throw invalid(instruction.at, `RUN --network=${wanted} is not understood, expected ${NETWORKS.join(", ")}`);
  if (network === "host" && usual !== "host") requireConsent(instruction, allowed, "network.host");
  return network;
}

/** Whether a command has all rights of the machine's root (Dockerfile reference, "RUN --security"). */
function isInsecure(instruction: Instruction, { allowed }: BuildRequest): boolean {
  const security = flagOf(instruction, "security") ?? "sandbox";
  if (security === "sandbox") return false;
  if (security !== "insecure")
    throw invalid(instruction.at, `RUN --security=${security} is not understood, expected sandbox or insecure`);
  requireConsent(instruction, allowed, "security.insecure");
  return true;
}

/** Dockerfiles and base images come from others: what gives them the machine is for who builds to say. */
function requireConsent(instruction: Instruction, allowed: ReadonlySet<Entitlement>, wanted: Entitlement): void {
  if (allowed.has(wanted)) return;
  throw invalid(
    instruction.at,
    `${instruction.text}: ${wanted} is not allowed, expected a build that grants it: "tsukube build --allow ${wanted}"`,
  );
}

/** A here-document that is a program of its own: it says with what it runs. */
function scriptOf({ args, heredocs }: Instruction): string | undefined {
  const [only] = heredocs;
  if (heredocs.length !== 1 || only === undefined || !/^<<\S+$/.test(args.trim())) return undefined;
  return only.content.startsWith("#!") ? only.content : undefined;
}

/** A here-document alone is the command; beside other words it is for the shell to read. */
function commandWithHeredocs({ config }: ImageState, instruction: Instruction): readonly string[] {
  const { args, heredocs } = instruction;
  if (heredocs.length === 0) return commandOf(config, instruction);
  const [first] = heredocs;
  if (heredocs.length === 1 && /^<<\S+$/.test(args.trim())) return [...shellOf(config), first?.content ?? ""];
  const documents = heredocs.map(({ name, content }) => `\n${content}${name}`).join("");
  return [...shellOf(config), args + documents];
}

/** Said before the runtime does, which knows nothing of shells. */
function requireShell(
  instruction: Instruction,
  root: string,
  [shell = ""]: readonly string[],
  bound: readonly BoundMount[],
): void {
  const place = rootedPath(root, shell);
  const points = bound.flatMap(({ mount }) => mount?.containerPath ?? []).map((point) => rootedPath(root, point));
  const isMounted = points.some((point) => `${place}/`.startsWith(`${point}/`));
  if (!shell.startsWith("/") || isMounted || lstatSync(place, { throwIfNoEntry: false }) !== undefined) return;
  throw invalid(
    instruction.at,
    `${instruction.text}: the image has no ${shell}, expected one, RUN ["program", "argument"], or SHELL with another`,
  );
}

/** @param lines What it wrote last: what others wrote at the same time may stand between on the screen. */
function failedCommand(instruction: Instruction, code: number, lines: readonly string[]): TsukubeError {
  const said =
    lines.length === 0 ? "; it wrote nothing" : `; its last lines:${lines.map((line) => `\n    ${line}`).join("")}`;
  return new TsukubeError(
    "failed",
    `${place(instruction)}: ${instruction.text}: it ended with exit code ${code}, expected 0${said}`,
  );
}

function place({ at }: Instruction): string {
  return `${at.file}:${at.line}:${at.column}`;
}
