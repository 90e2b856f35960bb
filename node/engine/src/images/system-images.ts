import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, copyFile, link, mkdir, readdir, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/kernel";
import type { ImageGarbage } from "./image-garbage.ts";
import type { ImageConfig, ImageRecord, ImageStore, NewLayer } from "./image-store.ts";
import { digestOf, writeLayerTar } from "./layer-tar.ts";
import { chainIds, type Snapshotter } from "./snapshotter.ts";

export interface SystemImageOptions {
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly garbage?: ImageGarbage;
  readonly bundle?: { readonly folder: string; readonly hash: string };
  /** The Node binary that the images carry; this process's by default. */
  readonly node?: string;
}

/** Such images depend on their files alone, not on when they were made. */
const EPOCH = "1970-01-01T00:00:00Z";
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Images named `tsukube.local/…`: made from this machine's files at first use, without a network, and never pulled. */
export class SystemImages {
  readonly #options: SystemImageOptions;
  readonly #building = new Map<string, Promise<ImageRecord>>();

  constructor(options: SystemImageOptions) {
    this.#options = options;
  }

  /** @param name "busybox:latest", "node:26", "system:<hash>". @throws {TsukubeError} `not-found` for any other. */
  ensure(name: string): Promise<ImageRecord> {
    let building = this.#building.get(name);
    if (building === undefined) {
      building = this.#buildHeld(name).finally(() => this.#building.delete(name));
      this.#building.set(name, building);
    }
    return building;
  }

  async #buildHeld(name: string): Promise<ImageRecord> {
    const release = await this.#options.garbage?.hold();
    try {
      return await this.#build(name);
    } finally {
      await release?.();
    }
  }

  async #build(name: string): Promise<ImageRecord> {
    const [repository = "", tag = "latest"] = name.split(":");
    const { bundle } = this.#options;
    if (repository === "busybox") return this.#store(name, [await busyboxLayer()], { Cmd: ["sh"], Env: [PATH] });
    if (repository === "node") return this.#store(name, [await this.#nodeLayer()], { Cmd: ["node"], Env: [PATH] });
    if (repository === "system" && bundle !== undefined && tag === bundle.hash) {
      const layers = [await this.#nodeLayer(), await folderLayer(bundle.folder, "/tsukube")];
      return this.#store(name, layers, { Entrypoint: ["node"], WorkingDir: "/tsukube", Env: [PATH] });
    }
    throw new TsukubeError(
      "not-found",
      `Cannot find image "tsukube.local/${name}": not one of tsukube.local/busybox, tsukube.local/node:26, tsukube.local/system:${bundle?.hash ?? "<bundle hash>"}`,
    );
  }

  async #nodeLayer(): Promise<Layer> {
    const node = await realpath(this.#options.node ?? process.execPath);
    const files = new Map([["/usr/local/bin/node", node]]);
    for (const library of await librariesOf(node)) files.set(library, await realpath(library));
    for (const extra of ["/etc/ssl/certs/ca-certificates.crt", "/usr/share/zoneinfo/UTC"]) {
      if (existsSync(extra)) files.set(extra, await realpath(extra));
    }
    return { files, links: new Map(), texts: baseTexts() };
  }

  async #store(name: string, layers: readonly Layer[], config: ImageConfig): Promise<ImageRecord> {
    const made: NewLayer[] = [];
    for (const layer of layers) made.push(await this.#commit(layer, made));
    const repository = `tsukube.local/${name.split(":")[0]}`;
    return this.#options.images.create({
      layers: made,
      config,
      history: made.map(() => ({ created: EPOCH, created_by: `tsukube: files of this machine as ${repository}` })),
      created: EPOCH,
      names: [`tsukube.local/${name}`],
      digests: (id) => [`${repository}@${id}`],
      pinned: true,
    });
  }

  /** The layer's snapshot. Its digest is that of its archive: read once, and never again while its files stay the same. */
  async #commit(layer: Layer, below: readonly NewLayer[]): Promise<NewLayer> {
    const { images, snapshotter } = this.#options;
    const source = await sourceOf(layer);
    const parents = below.map(({ chainId }) => chainId);
    const chainOf = (diffId: string): string =>
      chainIds([...below.map((other) => other.diffId), diffId]).at(-1) as string;
    const known = images.layers.all.find((record) => record.made?.source === source);
    if (known?.made !== undefined && snapshotter.has(chainOf(known.diffId)))
      return { diffId: known.diffId, chainId: chainOf(known.diffId), ...known.made };
    const staged = await snapshotter.stage();
    try {
      await fill(staged, layer);
      const { digest: diffId, size } = await digestOf(writeLayerTar(staged, { metadata: "plain" }));
      await snapshotter.commit(chainOf(diffId), parents, { staged });
      return { diffId, chainId: chainOf(diffId), size, metadata: "plain", source };
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
  }
}

/** What a layer holds: paths in the image to files of this machine, to targets of links, and to texts. */
interface Layer {
  readonly files: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, string>;
  readonly texts: ReadonlyMap<string, string>;
}

function baseTexts(): ReadonlyMap<string, string> {
  return new Map([
    ["/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"],
    ["/etc/group", "root:x:0:\nnogroup:x:65534:\n"],
    ["/etc/nsswitch.conf", "hosts: files dns\n"],
  ]);
}

async function busyboxLayer(): Promise<Layer> {
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
  if (busybox === undefined) {
    throw new TsukubeError(
      "not-found",
      'Cannot make image "tsukube.local/busybox": no busybox here, expected the package busybox-static',
    );
  }
  const { stdout } = await run(busybox, ["--list"]);
  const applets = stdout.split("\n").filter((applet) => applet !== "" && applet !== "busybox");
  const links = new Map(applets.map((applet) => [`/bin/${applet}`, "busybox"]));
  for (const program of ["sh", "env"]) links.set(`/usr/bin/${program}`, "../../bin/busybox");
  return { files: new Map([["/bin/busybox", await realpath(busybox)]]), links, texts: baseTexts() };
}

async function folderLayer(folder: string, destination: string): Promise<Layer> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    if (source.slice(folder.length).includes("/.") && !(await isReadable(source))) continue; // what another user's runs keep there for themselves
    files.set(join(destination, source.slice(folder.length)), source);
  }
  return { files, links: new Map(), texts: new Map() };
}

function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** Shared libraries and loader of a program, at the paths under which it looks for them. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await run("ldd", [program], { accept: [0, 1] });
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] as string);
}

/** Changes when a file of the layer does, without reading it. */
async function sourceOf(layer: Layer): Promise<string> {
  const hash = createHash("sha256");
  for (const [path, source] of [...layer.files].sort()) {
    const { dev, ino, size, mtimeNs, mode } = await stat(source, { bigint: true });
    hash.update(`${path}\0${source}\0${dev} ${ino} ${size} ${mtimeNs} ${mode}\0`);
  }
  hash.update(JSON.stringify([[...layer.links].sort(), [...layer.texts].sort()]));
  return hash.digest("hex");
}

async function fill(root: string, layer: Layer): Promise<void> {
  for (const folder of ["/proc", "/sys", "/dev", "/etc", "/root", "/var"])
    await mkdir(root + folder, { recursive: true });
  await mkdir(`${root}/tmp`, { recursive: true });
  await run("chmod", ["1777", `${root}/tmp`]);
  for (const [path, source] of layer.files) {
    await mkdir(dirname(root + path), { recursive: true });
    // a hard link costs no disk; another file system needs a copy
    await link(source, root + path).catch(() => copyFile(source, root + path, constants.COPYFILE_FICLONE));
  }
  for (const [path, target] of layer.links) {
    await mkdir(dirname(root + path), { recursive: true });
    await symlink(target, root + path);
  }
  for (const [path, text] of layer.texts) await writeFile(root + path, text);
}
