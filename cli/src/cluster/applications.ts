import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { KubeObject } from "@tsukube/api";
import type { Service } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import { TsukubeError } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";

/** Something that `up PATH` started. */
export interface Application {
  readonly name: string;
  readonly path: string;
  /** Where it answers; "" for one without a Service of type NodePort or LoadBalancer. */
  readonly url: string;
}

export async function readApplications(paths: ClusterPaths): Promise<readonly Application[]> {
  return (await readRecord<readonly Application[]>(filesOf(paths).applications)) ?? [];
}

/** Remembers an application for `status`. */
export async function rememberApplication(paths: ClusterPaths, application: Application): Promise<void> {
  const others = (await readApplications(paths)).filter(({ name }) => name !== application.name);
  await writeRecord(filesOf(paths).applications, [...others, application]);
}

/** What `up PATH` is given: manifests, and the images that they need built. */
export interface ApplicationSource {
  readonly name: string;
  readonly path: string;
  readonly builds: readonly ImageBuild[];
}

/** A folder with a Dockerfile, and the name under which the manifests know its image. */
interface ImageBuild {
  readonly folder: string;
  readonly image: string;
}

/**
 * Looks at a file or folder: its own Dockerfile makes image NAME, the Dockerfile of a folder SUB below it image NAME/SUB.
 * @throws {TsukubeError} `usage`.
 */
export function applicationAt(path: string): ApplicationSource {
  const absolute = resolve(path);
  if (!existsSync(absolute))
    throw new TsukubeError(
      "usage",
      `Cannot start "${path}": no such file or folder, expected manifests (.yaml, .yml, .json)`,
    );
  const name = basename(absolute).replace(/\.(ya?ml|json)$/, "");
  const own = existsSync(join(absolute, "Dockerfile")) ? [{ folder: absolute, image: imageName(name) }] : [];
  const below = foldersWithDockerfile(absolute).map((folder) => ({
    folder,
    image: `${imageName(name)}/${imageName(basename(folder))}`,
  }));
  return { name, path: absolute, builds: [...own, ...below] };
}

/** A folder's name as a part of an image's name: lower case, without what has no place there. */
function imageName(folder: string): string {
  return (
    folder
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "") || "app"
  );
}

function foldersWithDockerfile(folder: string): readonly string[] {
  if (!statSync(folder).isDirectory()) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, "Dockerfile")))
    .map((entry) => join(folder, entry.name))
    .sort();
}

/** Where the first Service that can be reached from outside answers. Served by nftables: it goes on when we do not run. */
export async function urlOf(client: Client, objects: readonly KubeObject[]): Promise<string> {
  for (const { kind, metadata } of objects) {
    if (kind !== "Service") continue;
    const service = await client
      .resource<Service>({ group: "", version: "v1", resource: "services" }, metadata?.namespace ?? "default")
      .get(metadata?.name ?? "");
    const port = service.spec?.ports?.find(({ nodePort }) => (nodePort ?? 0) > 0)?.nodePort;
    if (port !== undefined) return `http://127.0.0.1:${port}/`;
  }
  return "";
}
