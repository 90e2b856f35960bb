import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { isDiskFull } from "../../images/transfer-errors.ts";
import type { DockerContainer } from "./container-record.ts";

/** The records of Docker's containers, one checksummed file each, and names reserved for those that are being made. */
export class ContainerStore {
  readonly #folder: string;
  readonly #spare: string;
  /** Those whose newest record is not in the folder: it was full. */
  readonly #behind = new Set<string>();
  readonly #containers = new Map<string, DockerContainer>();
  readonly #writing = new Map<string, Promise<void>>();

  /** @param spare A folder on another disk, for records of {@link note} while that of `folder` is full; a reboot may empty it. */
  constructor(folder: string, spare: string) {
    this.#folder = folder;
    this.#spare = spare;
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const id of await readdir(this.#folder)) {
      const record = id.startsWith(".") ? undefined : await readRecord<DockerContainer>(`${this.#folder}/${id}`);
      if (record !== undefined) this.#containers.set(id, record);
    }
    await mkdir(this.#spare, { recursive: true, mode: 0o700 });
    for (const id of await readdir(this.#spare)) if (this.#containers.has(id)) await this.#loadSpare(id);
    await this.catchUp();
  }

  async #loadSpare(id: string): Promise<void> {
    this.#behind.add(id);
    const [kept, spare] = [await stat(`${this.#folder}/${id}`), await stat(`${this.#spare}/${id}`)];
    if (spare.mtimeMs < kept.mtimeMs) return; // what was killed before it could remove it
    const record = await readRecord<DockerContainer>(`${this.#spare}/${id}`);
    if (record !== undefined) this.#containers.set(id, record);
  }

  /** Writes what a full disk had no room for, if it has by now. */
  async catchUp(): Promise<void> {
    for (const id of this.#behind) await this.note(id, () => ({}));
  }

  /** The newest first. */
  get all(): readonly DockerContainer[] {
    return [...this.#containers.values()].sort((a, b) => b.createdAt - a.createdAt);
  }

  /** By id, name (with or without a slash in front), or a beginning of the id that only one has. */
  find(name: string): DockerContainer | undefined {
    const known = this.#containers.get(name) ?? this.named(name);
    if (known !== undefined || !/^[0-9a-f]+$/.test(name)) return known;
    const fitting = [...this.#containers.keys()].filter((id) => id.startsWith(name));
    if (fitting.length > 1) throw new TsukubeError("invalid", `Multiple IDs found with provided prefix: ${name}`);
    return this.#containers.get(fitting[0] ?? "");
  }

  named(name: string): DockerContainer | undefined {
    const plain = name.replace(/^\//, "");
    return [...this.#containers.values()].find((container) => container.name === plain);
  }

  get(name: string): DockerContainer {
    const found = this.find(name);
    if (found === undefined) throw new TsukubeError("not-found", `No such container: ${name}`);
    return found;
  }

  /** Known at once, durable when it resolves; of writes that wait only the newest reaches the disk. */
  async put(container: DockerContainer): Promise<void> {
    const { id } = container;
    this.#containers.set(id, container);
    await this.#write(id, async (newest) => {
      await writeRecord(`${this.#folder}/${id}`, newest);
      if (!this.#behind.has(id)) return;
      await rm(`${this.#spare}/${id}`, { force: true });
      this.#behind.delete(id);
    });
  }

  /** After the writes of the same container that are under way. */
  async #write(id: string, write: (newest: DockerContainer) => Promise<void>): Promise<void> {
    const written = (this.#writing.get(id) ?? Promise.resolve()).then(async () => {
      const newest = this.#containers.get(id);
      if (newest !== undefined) await write(newest);
    });
    this.#writing.set(
      id,
      written.catch(() => {}),
    );
    await written;
  }

  /** Changes a container that may be gone meanwhile. @returns it, or undefined. */
  async change(
    id: string,
    change: (container: DockerContainer) => Partial<DockerContainer>,
  ): Promise<DockerContainer | undefined> {
    const container = this.#containers.get(id);
    if (container === undefined) return undefined;
    const changed = { ...container, ...change(container) };
    await this.put(changed);
    return changed;
  }

  /**
   * The same for what has happened already, or is about to free the disk: a full one does not hold it up. The record is kept in the
   * spare folder until {@link catchUp}, or the next change, finds room.
   */
  async note(
    id: string,
    change: (container: DockerContainer) => Partial<DockerContainer>,
  ): Promise<DockerContainer | undefined> {
    try {
      return await this.change(id, change);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#behind.add(id);
      await this.#write(id, (newest) => writeRecord(`${this.#spare}/${id}`, newest)).catch(unlessFull);
      return this.#containers.get(id);
    }
  }

  async remove(id: string): Promise<void> {
    this.#containers.delete(id);
    await this.#writing.get(id);
    this.#writing.delete(id);
    this.#behind.delete(id);
    for (const folder of [this.#folder, this.#spare]) await rm(`${folder}/${id}`, { force: true });
  }
}

function unlessFull(error: unknown): void {
  if (!isDiskFull(error)) throw error;
}
