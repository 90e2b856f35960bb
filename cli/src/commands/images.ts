import { createReadStream, existsSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";
import type { EngineMessage } from "../cluster/engine-client.ts";
import { transferHeaders } from "../registry/login-headers.ts";
import { refuseTerminal, writeArchive } from "./archive-file.ts";
import type { CommandContext } from "./context.ts";
import { clientOf } from "./engine-address.ts";
import { table } from "./table.ts";

/** `tsukube images`: what the engine has, newest first. */
export async function images(context: CommandContext): Promise<void> {
  const all = await clientOf(context).images();
  const rows = all.flatMap((image) => {
    const names = image.RepoTags.length === 0 ? ["<none>"] : image.RepoTags;
    return names.map((name) => [
      name,
      image.Id.slice(7, 19),
      age(image.Created, context.clock.now()),
      size(image.Size),
    ]);
  });
  for (const line of table([["IMAGE", "ID", "CREATED", "SIZE"], ...rows])) context.print(line);
}

/** `tsukube image load [FILE]`: images of a docker or OCI archive; standard input without a file. */
export async function loadImages(context: CommandContext, file: string | undefined): Promise<void> {
  if (file !== undefined && !existsSync(file))
    throw new TsukubeError(
      "usage",
      `Cannot load images from "${file}": no such file, expected a tar archive of images`,
    );
  const source = file === undefined ? process.stdin : createReadStream(file);
  await clientOf(context).load(source, ({ stream = "" }) => context.print(stream.trimEnd()));
}

/** `tsukube image save -o FILE NAME…`: an archive that docker, podman and this load. */
export async function saveImages(
  context: CommandContext,
  names: readonly string[],
  file: string | undefined,
): Promise<void> {
  refuseTerminal(file);
  await writeArchive(await clientOf(context).save(names), file);
}

export async function pullImage(context: CommandContext, name: string): Promise<void> {
  const { progress } = context;
  const headers = await transferHeaders(name);
  await progress.step(`pulling ${name}`, (update) => clientOf(context).pull(name, headers, layerProgress(update)));
}

export async function pushImage(context: CommandContext, name: string): Promise<void> {
  let last = "";
  const headers = await transferHeaders(name);
  await context.progress.step(`pushing ${name}`, (update) => {
    const show = layerProgress(update);
    return clientOf(context).push(name, headers, (message) => {
      if (message.id === undefined) last = message.status ?? last;
      show(message);
    });
  });
  context.print(last);
}

export async function tagImage(context: CommandContext, name: string, other: string): Promise<void> {
  const [, repository = other, tag = "latest"] = /^(.*?)(?::([^:/]+))?$/.exec(other) ?? [];
  await clientOf(context).tag(name, repository, tag);
}

interface Held {
  readonly digest: string;
  readonly holders: readonly { readonly kind: string; readonly name: string; readonly as: string }[];
}

/** `tsukube image why DIGEST`: who keeps an image, a layer or a blob on the disk. */
export async function whyKept(context: CommandContext, digest: string): Promise<void> {
  const held = await clientOf(context).call<Held>("GET", `/images/why?${new URLSearchParams({ digest })}`);
  context.print(`${held?.digest} is kept by:`);
  for (const line of table((held?.holders ?? []).map(({ kind, name, as }) => [`  ${kind}`, name, as])))
    context.print(line);
}

export async function removeImages(context: CommandContext, names: readonly string[]): Promise<void> {
  const client = clientOf(context);
  for (const name of names) for (const line of await client.remove(name)) context.print(line);
}

/** Folds the states of all layers into one line. */
function layerProgress(update: (line: string) => void): (message: EngineMessage) => void {
  const layers = new Map<string, { current: number; total: number }>();
  return ({ id, progressDetail }) => {
    if (id === undefined || progressDetail === undefined) return;
    const before = layers.get(id);
    const { current = before?.total ?? 0, total = before?.total ?? 0 } = progressDetail;
    layers.set(id, { current, total });
    const all = [...layers.values()];
    const done = all.reduce((sum, layer) => sum + layer.current, 0);
    const whole = all.reduce((sum, layer) => sum + layer.total, 0);
    update(`${layers.size} layers, ${size(done)} of ${size(whole)}`);
  };
}

/** "12.3 MB", in powers of ten as docker shows it. */
function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

function age(seconds: number, now: number): string {
  const passed = Math.max(0, Math.floor(now / 1000) - seconds);
  if (seconds === 0) return "-";
  if (passed < 120) return `${passed} s ago`;
  if (passed < 7200) return `${Math.floor(passed / 60)} min ago`;
  return passed < 172_800 ? `${Math.floor(passed / 3600)} h ago` : `${Math.floor(passed / 86_400)} days ago`;
}
