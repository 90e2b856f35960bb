import { readFile, writeFile } from "node:fs/promises";
import { readRecord, writeRecord } from "@tsukube/host";

/** The host's sysctls, with a record of what they were, so that `down` can restore each. */
export class Sysctls {
  readonly #recordPath: string;
  readonly #root: string;

  /** @param root "/proc/sys"; a test gives a folder. */
  constructor(recordPath: string, root = "/proc/sys") {
    this.#recordPath = recordPath;
    this.#root = root;
  }

  /** Sets "net.ipv4.ip_forward"; the value found first is recorded before it changes. */
  async set(name: string, value: string): Promise<void> {
    const before = (await readFile(this.#path(name), "utf8")).trim();
    if (before === value) return;
    const record = (await readRecord<Record<string, string>>(this.#recordPath)) ?? {};
    if (!(name in record)) await writeRecord(this.#recordPath, { ...record, [name]: before });
    await writeFile(this.#path(name), value);
  }

  /** Puts back what was recorded and forgets it. */
  async restore(): Promise<void> {
    const record = (await readRecord<Record<string, string>>(this.#recordPath)) ?? {};
    for (const [name, value] of Object.entries(record)) await writeFile(this.#path(name), value).catch(() => {});
    await writeRecord(this.#recordPath, {});
  }

  #path(name: string): string {
    return `${this.#root}/${sysctlPath(name)}`;
  }
}

/** "net.ipv4.conf.eth0/1.forwarding" in file form: dots separate, and a slash stands for a dot in a name (sysctl(8)). */
export function sysctlPath(name: string): string {
  if (name.includes("/") && !name.includes(".")) return name;
  return name.replace(/[./]/g, (sign) => (sign === "." ? "/" : "."));
}
