import { appendFile, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

export interface RotatingFileOptions {
  readonly path: string;
  /** Past it the file is set aside and a new one begun. */
  readonly maxBytes: number;
  /** How many files set aside to keep; 0: all. */
  readonly maxBackups: number;
  /** How old they may become; 0: any age. */
  readonly maxAgeMs: number;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Learns of what could not be written, or not be removed. @param lines How many lines are lost, at most. */
  failed(error: unknown, lines: number): void;
}

/** A file of lines that grows to a size, and then goes on under its name with the time: audit-2025-01-01T00-00-00.000.log. */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #waiting: string[] = [];
  #size: number | undefined;
  #working: Promise<void> | undefined;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /** Written soon, in order. @param line With its newline. */
  write(line: string): void {
    this.#waiting.push(line);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Everything is written. */
  async close(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting.splice(0);
      try {
        await this.#append(lines);
      } catch (error) {
        this.#options.failed(error, lines.length);
        this.#size = undefined; // what of it was written the file tells
      }
    }
  }

  async #append(lines: readonly string[]): Promise<void> {
    const { path, maxBytes } = this.#options;
    this.#size ??= await this.#begin();
    let batch: string[] = [];
    for (const line of lines) {
      const bytes = Buffer.byteLength(line);
      if (this.#size > 0 && this.#size + bytes > maxBytes) {
        await this.#write(path, batch);
        batch = [];
        await this.#rotate();
      }
      batch.push(line);
      this.#size += bytes;
    }
    await this.#write(path, batch);
  }

  async #write(path: string, lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await appendFile(path, lines.join(""), { mode: 0o600 });
  }

  async #begin(): Promise<number> {
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true });
    return stat(path).then(
      ({ size }) => size,
      () => 0,
    );
  }

  async #rotate(): Promise<void> {
    const { path, now } = this.#options;
    const time = new Date(now()).toISOString().replace("Z", "").replaceAll(":", "-");
    await rename(path, `${this.#stem}-${time}${extname(path)}`);
    this.#size = 0;
    await this.#forget().catch((error: unknown) => this.#options.failed(error, 0)); // no reason to lose lines
  }

  get #stem(): string {
    const { path } = this.#options;
    return path.slice(0, path.length - extname(path).length);
  }

  async #forget(): Promise<void> {
    const { path, maxBackups, maxAgeMs, now } = this.#options;
    const [folder, prefix, suffix] = [dirname(path), `${basename(this.#stem)}-`, extname(path)];
    const names = (await readdir(folder)).filter((name) => name.startsWith(prefix) && name.endsWith(suffix)).sort();
    const timeOf = (name: string): number => {
      const text = name.slice(prefix.length, name.length - suffix.length);
      return Date.parse(`${text.slice(0, 11)}${text.slice(11).replaceAll("-", ":")}Z`);
    };
    const backups = names.filter((name) => !Number.isNaN(timeOf(name)));
    const surplus = maxBackups > 0 ? backups.slice(0, Math.max(0, backups.length - maxBackups)) : [];
    const old = maxAgeMs > 0 ? backups.filter((name) => timeOf(name) < now() - maxAgeMs) : [];
    const removed = [...new Set([...surplus, ...old])].map((name) => rm(join(folder, name), { force: true }));
    for (const result of await Promise.allSettled(removed))
      if (result.status === "rejected") this.#options.failed(result.reason, 0);
  }
}
