import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { type Clock, codeOf, type Logger, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { type Mounts, mountOptions, removeMounted } from "@tsukube/kernel";
import { Turns } from "../../turns.ts";

/** A folder that outlives containers, or a mount of the host that its options name. */
export interface Volume {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the local driver: `type`, `device` and `o`, as mount(8) takes them. */
  readonly options: Readonly<Record<string, string>>;
  /** Made for a container that named none. */
  readonly isAnonymous: boolean;
}

interface Deps {
  /** Content lies in `NAME/_data`, records in `.records/NAME`. */
  readonly folder: string;
  readonly mounts: Mounts;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
  readonly logger: Logger;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** How folders begin whose volume is removed, which a crash may leave. */
const REMOVED = ".removed-";

/** Volumes of the local driver. */
export class VolumeStore {
  readonly #deps: Deps;
  readonly #volumes = new Map<string, Volume>();
  readonly #holders = new Map<string, Set<string | symbol>>();
  /** Who wishes for a volume that is being removed waits, and gets a new one. */
  readonly #turns = new Turns();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async load(): Promise<void> {
    await mkdir(this.#deps.folder, { recursive: true, mode: 0o711 });
    for (const name of await readdir(this.#records).catch(() => [])) {
      const volume = name.startsWith(".") ? undefined : await readRecord<Volume>(`${this.#records}/${name}`);
      if (volume === undefined) continue;
      this.#volumes.set(name, volume);
      // a crash may have come between its record and it; where that cannot be helped, who mounts it is told
      await mkdir(this.mountpoint(name), { recursive: true, mode: 0o755 }).catch(() => {});
    }
    for (const name of await readdir(this.#deps.folder))
      if (name.startsWith(REMOVED)) await this.#clear(`${this.#deps.folder}/${name}`);
  }

  async #clear(path: string): Promise<void> {
    try {
      await removeMounted(path, this.#deps.mounts);
    } catch (error) {
      this.#deps.logger.warn("a removed volume stays on the disk", { path, error: messageOf(error) });
    }
  }

  get all(): readonly Volume[] {
    return [...this.#volumes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Volume | undefined {
    return this.#volumes.get(name);
  }

  get(name: string): Volume {
    const volume = this.find(name);
    if (volume === undefined) throw new TsukubeError("not-found", `get ${name}: no such volume`);
    return volume;
  }

  mountpoint(name: string): string {
    return `${this.#deps.folder}/${name}/_data`;
  }

  /** Makes a volume, or finds the one that is there. @param wish Without a name it gets a random one. */
  create(wish: Partial<Omit<Volume, "createdAt">>): Promise<Volume> {
    const name = wish.name ?? Buffer.from(this.#deps.random.bytes(32)).toString("hex");
    return this.#turns.take(name, () => this.#create(name, wish));
  }

  async #create(name: string, wish: Partial<Omit<Volume, "createdAt">>): Promise<Volume> {
    const { labels = {}, options = {} } = wish;
    if (name.length < 2)
      throw new TsukubeError(
        "invalid",
        `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
      );
    if (!NAME.test(name))
      throw new TsukubeError(
        "invalid",
        `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      );
    const known = this.#volumes.get(name);
    if (known !== undefined) return known;
    checkOptions(name, options);
    const isAnonymous = wish.isAnonymous ?? wish.name === undefined;
    const volume = { name, createdAt: this.#deps.clock.now(), labels, options, isAnonymous };
    this.#volumes.set(name, volume);
    try {
      await writeRecord(`${this.#records}/${name}`, volume); // first: a folder without a record would be nobody's
      await mkdir(this.mountpoint(name), { recursive: true, mode: 0o755 });
    } catch (error) {
      this.#volumes.delete(name);
      await rm(`${this.#records}/${name}`, { force: true });
      throw error;
    }
    return volume;
  }

  /** Makes its content available until {@link release}: what its options name is mounted, once for all holders. */
  hold(name: string, holder: string | symbol): void {
    this.#ensureMounted(this.get(name));
    this.adopt(name, holder);
  }

  /** Somebody held it before the engine started. */
  adopt(name: string, holder: string | symbol): void {
    this.#holders.set(name, (this.#holders.get(name) ?? new Set()).add(holder));
  }

  release(name: string, holder: string | symbol): void {
    const volume = this.find(name);
    const holders = this.#holders.get(name);
    holders?.delete(holder);
    if (volume === undefined || (holders?.size ?? 0) > 0) return;
    this.#holders.delete(name);
    if (isMounted(volume)) this.#deps.mounts.unmount(this.mountpoint(name));
  }

  /** Those that are gone are left out. */
  async holding<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const holder = Symbol();
    using held = new DisposableStack();
    for (const name of names.filter((each) => this.find(each) !== undefined)) {
      this.hold(name, holder);
      held.defer(() => this.release(name, holder));
    }
    return await work();
  }

  #ensureMounted(volume: Volume): void {
    const { name, options } = volume;
    const target = this.mountpoint(name);
    if (!isMounted(volume) || this.#deps.mounts.isMounted(target)) return;
    const flags = (options["o"] ?? "").split(",").filter((flag) => flag !== "");
    const bind = flags.includes("bind") || flags.includes("rbind") || options["type"] === "bind";
    const source = options["device"] ?? "tmpfs";
    if (bind && !existsSync(source)) {
      throw new TsukubeError(
        "failed",
        `failed to populate volume: error while mounting volume '${target}': failed to mount local volume: mount ${source}:${target}, flags: 0x1000: no such file or directory`,
      );
    }
    if (bind) this.#deps.mounts.bind(source, target, { recursive: true, readonly: flags.includes("ro") });
    else {
      const { flags: bits, data } = mountOptions(flags);
      this.#deps.mounts.mount(source, target, options["type"] ?? "none", bits, data);
    }
  }

  /** @param isUsed Asked right before it goes: true keeps it. @returns whether it is gone. */
  remove(name: string, isUsed: (name: string) => boolean = () => false): Promise<boolean> {
    return this.#turns.take(name, async () => {
      this.get(name);
      if (isUsed(name)) return false;
      await this.#remove(name);
      return true;
    });
  }

  async #remove(name: string): Promise<void> {
    this.#deps.mounts.unmount(this.mountpoint(name));
    this.#holders.delete(name);
    const aside = `${this.#deps.folder}/${REMOVED}${Buffer.from(this.#deps.random.bytes(8)).toString("hex")}`;
    await rename(`${this.#deps.folder}/${name}`, aside).catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
    await rm(`${this.#records}/${name}`, { force: true });
    this.#volumes.delete(name);
    await removeMounted(aside, this.#deps.mounts);
  }

  /** Takes mounts that options named from the host; content stays. */
  unmountAll(): void {
    for (const point of this.#deps.mounts.below(this.#deps.folder)) this.#deps.mounts.unmount(point);
  }

  get #records(): string {
    return `${this.#deps.folder}/.records`;
  }
}

/** Whether its content is what its options name. */
function isMounted({ options }: Volume): boolean {
  return Boolean(options["device"] || options["type"]);
}

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  device: ["type"],
  type: ["device"],
  o: ["device", "type"],
};

function checkOptions(name: string, options: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(options).find((key) => !["type", "device", "o", "size"].includes(key));
  if (unknown !== undefined) throw new TsukubeError("invalid", `create ${name}: invalid option: "${unknown}"`);
  if (options["size"] !== undefined)
    throw new TsukubeError("invalid", `create ${name}: quota size requested but no quota support`);
  const missing = Object.keys(options)
    .flatMap((key) => REQUIRED[key] ?? [])
    .find((key) => options[key] === undefined);
  if (missing !== undefined) throw new TsukubeError("invalid", `create ${name}: missing required option: "${missing}"`);
}
