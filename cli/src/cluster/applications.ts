import { existsSync, readdirSync } from "node:fs";
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

/** The name and place of what `up PATH` is given. @throws {TsukubeError} `usage`. */
export function applicationAt(path: string): { readonly name: string; readonly path: string } {
  const absolute = resolve(path);
  if (!existsSync(absolute))
    throw new TsukubeError(
      "usage",
      `Cannot start "${path}": no such file or folder, expected manifests (.yaml, .yml, .json)`,
    );
  const toBuild = existsSync(join(absolute, "Dockerfile")) ? [absolute] : foldersWithDockerfile(absolute);
  if (toBuild.length > 0) {
    throw new TsukubeError(
      "not-yet",
      `Cannot start "${path}": ${toBuild.map((folder) => basename(folder)).join(", ")} would have to be built from a Dockerfile, which this version cannot do yet; apply manifests whose images exist, as in examples/hello`,
    );
  }
  return { name: basename(absolute).replace(/\.(ya?ml|json)$/, ""), path: absolute };
}

function foldersWithDockerfile(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, "Dockerfile")))
      .map((entry) => join(folder, entry.name));
  } catch {
    return []; // a file
  }
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
