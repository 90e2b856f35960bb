import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { KUBERNETES, peersFolder } from "../peers.ts";
import { RECIPES, type Recipe } from "./recipes.ts";
import { namesIn } from "./upstream-names.ts";

const NAME = "conformance-images";
const ROOT = dirname(dirname(dirname(import.meta.dirname)));
const PAUSE = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM)
	<-told
}
`;

/** Where the images are that upstream's tests run: an archive for `tsukube image load`. */
export function imagesArchive(): string {
  return join(peersFolder(), "images.tar");
}

/**
 * Makes the images that upstream's tests run, where no registry has them: upstream's programs from their sources, with Go, the rest
 * from Debian's packages. Needs root, Debian and what `npm run peers` built.
 */
export async function makeImages(): Promise<void> {
  const built = join(peersFolder(), "etcd");
  if (!existsSync(built)) throw new Error(`Cannot make images: no ${built}, expected it there: run "npm run peers"`);
  await using lifetime = new Lifetime();
  const work = mkdtempSync(join(tmpdir(), "tsukube-conformance-images-"));
  lifetime.add("folder", () => rmSync(work, { recursive: true, force: true }));
  lifetime.add("engine", () => tsukube("down", "--purge"));
  await tsukube("engine", "--background");
  const sources = await kubernetesSources();
  const names = namesIn(readFileSync(join(sources, "test/utils/image/manifest.go"), "utf8"));
  for (const [id, recipe] of Object.entries(RECIPES)) {
    const began = performance.now();
    const folder = join(work, id);
    await fill(join(folder, "root"), recipe, sources);
    if (recipe.serves !== undefined)
      await fillRegistry(join(folder, "root/var/registry"), names.get(recipe.serves) ?? "");
    const name = names.get(id) ?? id;
    const lines = [`FROM ${names.get(recipe.from) ?? recipe.from}`, "COPY root/ /", ...(recipe.lines ?? [])];
    // images of equal content are to differ, as upstream's do
    writeFileSync(join(folder, "Dockerfile"), [...lines, `LABEL image=${name}`, ""].join("\n"));
    await tsukube("build", "-q", "-t", name, folder);
    process.stdout.write(`  ✓ ${name} (${Math.round((performance.now() - began) / 1000)} s)\n`);
  }
  const made = Object.keys(RECIPES).flatMap((id) => names.get(id) ?? []);
  await tsukube("image", "save", "-o", imagesArchive(), ...made);
  process.stdout.write(`${made.length} images in ${imagesArchive()}\n`);
}

async function tsukube(...args: readonly string[]): Promise<void> {
  await run(join(ROOT, "tsukube"), ["--name", NAME, ...args]);
}

/** A module of its own beside that of the peers, which other builds may be using, and the sources that it names. */
function moduleFolder(): string {
  return join(peersFolder(), "images-src");
}

async function kubernetesSources(): Promise<string> {
  mkdirSync(join(moduleFolder(), "pause"), { recursive: true });
  for (const file of ["go.mod", "go.sum"]) copyFileSync(join(peersFolder(), "src", file), join(moduleFolder(), file));
  writeFileSync(join(moduleFolder(), "pause/main.go"), PAUSE);
  const answer = await go("mod", "download", "-json", `k8s.io/kubernetes@${KUBERNETES}`);
  return (JSON.parse(answer) as { readonly Dir: string }).Dir;
}

async function go(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, GOFLAGS: "-mod=mod", CGO_ENABLED: "0" };
  return (await run("go", args, { cwd: moduleFolder(), env })).stdout;
}

async function fill(root: string, recipe: Recipe, sources: string): Promise<void> {
  const at = (place: string): string => {
    mkdirSync(dirname(join(root, place)), { recursive: true });
    return join(root, place);
  };
  mkdirSync(root, { recursive: true });
  await unpack(root, recipe.packages ?? []);
  for (const [place, name] of Object.entries(recipe.programs ?? {}))
    await go("build", "-ldflags", "-s -w", "-o", at(place), name);
  for (const [place, program] of Object.entries(recipe.peers ?? {}))
    copyFileSync(join(peersFolder(), program), at(place));
  for (const [place, file] of Object.entries(recipe.files ?? {})) copyFileSync(join(sources, file), at(place));
  for (const [place, text] of Object.entries(recipe.texts ?? {})) writeFileSync(at(place), text);
  for (const [place, target] of Object.entries(recipe.links ?? {})) symlinkSync(target, at(place));
}

/** Lays Debian packages and all that they need over a folder, as if nothing were installed yet. */
async function unpack(root: string, packages: readonly string[]): Promise<void> {
  if (packages.length === 0) return;
  const folder = `${root}.packages`;
  mkdirSync(join(folder, "partial"), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  const settings = [`Dir::State::status=${folder}/status`, `Dir::Cache::archives=${folder}`].flatMap((each) => [
    "-o",
    each,
  ]);
  const options = ["-y", "-qq", "--download-only", "--no-install-recommends", ...settings];
  await run("apt-get", ["install", ...options, ...packages]);
  for (const archive of readdirSync(folder).filter((name) => name.endsWith(".deb")))
    await run("dpkg-deb", ["-x", join(folder, archive), root]);
  for (const bulk of ["doc", "man", "locale", "info", "lintian"])
    rmSync(join(root, "usr/share", bulk), { recursive: true, force: true });
}

/** The files of an image as agnhost's registry looks for them, under its last name and the tag `testing`. */
async function fillRegistry(registry: string, image: string): Promise<void> {
  const folder = `${registry}.image`;
  mkdirSync(folder, { recursive: true });
  await tsukube("image", "save", "-o", join(folder, "image.tar"), image);
  await run("tar", ["-xf", join(folder, "image.tar"), "-C", folder]);
  const name = /([^/]+):[^:]*$/.exec(image)?.[1] ?? image;
  const put = (kind: string, content: Buffer): string => {
    const digest = createHash("sha256").update(content).digest("hex");
    const place = join(registry, name, kind, "sha256", digest.slice(0, 2), digest);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "data"), content);
    return `sha256:${digest}`;
  };
  const blob = (digest: string): Buffer => readFileSync(join(folder, "blobs", digest.replace(":", "/")));
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { manifests: { digest: string }[] };
  const manifest = blob(index.manifests[0]?.digest ?? "");
  const parts = JSON.parse(manifest.toString()) as { config: { digest: string }; layers: { digest: string }[] };
  for (const { digest } of [parts.config, ...parts.layers]) put("blobs", blob(digest));
  writeFileSync(join(registry, name, "manifests/testing"), put("manifests", manifest));
  rmSync(folder, { recursive: true });
}
