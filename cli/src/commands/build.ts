import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildContext } from "@tsukube/engine/context";
import { TsukubeError } from "@tsukube/foundation";
import { EngineClient as Client, type EngineClient, type EngineMessage } from "../cluster/engine-client.ts";
import { filesOf } from "../cluster/paths.ts";
import { buildHeaders } from "../registry/login-headers.ts";
import { inputsOf } from "./build-inputs.ts";
import { cachePlace } from "./cache-place.ts";
import type { CommandContext } from "./context.ts";

export interface BuildOptions {
  readonly tag: readonly string[];
  /** Below the folder. */
  readonly file?: string;
  readonly buildArg: readonly string[];
  readonly label: readonly string[];
  readonly target?: string;
  readonly cache: boolean;
  readonly pull: boolean;
  readonly quiet: boolean;
  readonly secret: readonly string[];
  readonly ssh: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly provenance: boolean;
  readonly sbom: boolean;
}

/** `tsukube build -t NAME DIR`: builds an image from a Dockerfile into the cluster's engine. */
export async function build(context: CommandContext, folder: string, options: BuildOptions): Promise<void> {
  const engine = new Client(filesOf(context.paths).dockerSocket);
  const show = options.quiet ? () => {} : (message: EngineMessage) => void process.stderr.write(message.stream ?? "");
  const query = queryOf(options);
  const inputs = inputsOf(options, process.env);
  if (inputs !== undefined)
    query.set("inputs", (await engine.call<{ Id: string }>("POST", "/build/inputs", inputs))?.Id ?? "");
  const id = await buildImage(engine, folder, query, show);
  context.print(options.quiet || options.tag.length === 0 ? id : options.tag.join("\n"));
}

/** Sends a folder to be built, or names a repository to the engine. @param query As `POST /build` has it. @returns the image's id. */
export async function buildImage(
  engine: EngineClient,
  folder: string,
  query: URLSearchParams,
  onMessage: (message: EngineMessage) => void,
): Promise<string> {
  if (/^\w+:\/\/|^git@/.test(folder)) {
    query.set("remote", folder);
    return engine.build(undefined, query, await buildHeaders(), onMessage);
  }
  const root = resolve(folder);
  const dockerfile = query.get("dockerfile") ?? "Dockerfile";
  if (!existsSync(root) || !statSync(root).isDirectory())
    throw new TsukubeError("usage", `Cannot build "${folder}": no such folder, expected one with a Dockerfile`);
  if (!existsSync(join(root, dockerfile)))
    throw new TsukubeError(
      "usage",
      `Cannot build "${folder}": it has no ${dockerfile}, expected one; -f names another`,
    );
  return engine.build(buildContext(root, dockerfile), query, await buildHeaders(), onMessage);
}

function queryOf({ tag, file, buildArg, label, target, cache, pull, ...options }: BuildOptions): URLSearchParams {
  const query = new URLSearchParams({ dockerfile: file ?? "Dockerfile" });
  for (const name of tag) query.append("t", name);
  if (buildArg.length > 0) query.set("buildargs", JSON.stringify(pairs(buildArg, (name) => process.env[name])));
  if (label.length > 0) query.set("labels", JSON.stringify(pairs(label, () => "")));
  if (target !== undefined) query.set("target", target);
  if (!cache) query.set("nocache", "1");
  if (pull) query.set("pull", "1");
  if (options.provenance) query.set("provenance", "1");
  if (options.sbom) query.set("sbom", "1");
  for (const text of options.cacheFrom) query.append("cache-from", JSON.stringify(cachePlace(text, "from")));
  for (const text of options.cacheTo) query.append("cache-to", JSON.stringify(cachePlace(text, "to")));
  return query;
}

/** "NAME=VALUE", or "NAME" with a value from elsewhere. */
function pairs(
  texts: readonly string[],
  otherwise: (name: string) => string | undefined,
): Readonly<Record<string, string>> {
  const entries = texts.map((text) => {
    const at = text.indexOf("=");
    return at < 0 ? [text, otherwise(text)] : [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
