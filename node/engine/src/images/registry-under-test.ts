import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { run } from "@tsukube/host";

/** A user of the registry that asks for passwords. */
export const REGISTRY_USER = { username: "ali", password: "open sesame" };
const BCRYPT = "$2b$04$3Cuhy7PsB3bdyTi1kZc5JuUhyR6LnXYNQBDPgPl7FQVHfo.I0YWMi";

/** The registry of Debian's package docker-registry, on a free port of the loopback, with its files in a folder. */
export class RegistryUnderTest {
  /** "127.0.0.1:40123". */
  readonly host: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(host: string, child: ChildProcess, folder: string) {
    this.host = host;
    this.#process = child;
    this.#folder = folder;
  }

  /** @param options.password Whether it lets in {@link REGISTRY_USER} only. */
  static async start(folder: string, options: { readonly password?: boolean } = {}): Promise<RegistryUnderTest> {
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/users`, `${REGISTRY_USER.username}:${BCRYPT}\n`);
    const auth = options.password === true ? { auth: { htpasswd: { realm: "here", path: `${folder}/users` } } } : {};
    const storage = { filesystem: { rootdirectory: `${folder}/data` }, delete: { enabled: true } };
    const config = { version: "0.1", storage, http: { addr: "127.0.0.1:0" }, ...auth };
    await writeFile(`${folder}/config.yml`, JSON.stringify(config)); // JSON is YAML
    const program = await registryProgram(folder);
    const child = spawn(program, ["serve", `${folder}/config.yml`], { stdio: ["ignore", "ignore", "pipe"] });
    const said: string[] = [];
    for await (const line of createInterface(child.stderr)) {
      said.push(line);
      const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (host === undefined) continue;
      child.stderr.resume();
      return new RegistryUnderTest(host, child, folder);
    }
    throw new Error(`the registry ended: ${said.join("\n")}`);
  }

  /** Changes a byte of a blob behind the registry's back. */
  async damage(digest: string): Promise<void> {
    const hex = digest.replace("sha256:", "");
    const path = `${this.#folder}/data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = ~(bytes.at(-1) as number);
    await writeFile(path, bytes);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill();
    await ended;
  }
}

/** The installed one, or one that is unpacked into the folder: no service of the machine starts. */
async function registryProgram(folder: string): Promise<string> {
  if (existsSync("/usr/bin/docker-registry")) return "/usr/bin/docker-registry";
  const unpacked = `${folder}/package`;
  if (!existsSync(unpacked)) {
    await mkdir(unpacked);
    const download = () => run("apt-get", ["download", "-qq", "docker-registry"], { cwd: unpacked });
    await download().catch(async () => {
      await run("apt-get", ["update", "-qq"]); // the package lists may be missing or old on a fresh machine
      await download();
    });
    const archive = (await readdir(unpacked)).find((name) => name.endsWith(".deb"));
    await run("dpkg-deb", ["-x", `${unpacked}/${archive}`, unpacked]);
  }
  return `${unpacked}/usr/bin/docker-registry`;
}
